/* SPDX-License-Identifier: Apache-2.0 */
/* The time of one turn of the loop. It is read once a turn and passed down; tests pass their own. */
#ifndef HOLDFAST_BASE_CLOCK_H
#define HOLDFAST_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t mono_ms; /* milliseconds since some start, never set back; counts time asleep */
    int64_t unix_s;   /* seconds since 1970-01-01 UTC, as the operating system believes */
};

struct clock clock_read(void);

/* Microseconds of the same monotonic clock, for measuring. */
uint64_t clock_mono_us(void);

#endif
