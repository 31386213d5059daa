/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes TTLV as TTLV: items are changed, doubled, dropped, moved and brought in from a list, and every
 * length fits again afterwards. A quarter of the changes are left to libFuzzer, which knows nothing of
 * lengths.
 */
#ifndef HOLDFAST_TESTS_FUZZ_TTLV_MUTATOR_H
#define HOLDFAST_TESTS_FUZZ_TTLV_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

size_t ttlv_mutate(uint8_t *data, size_t len, size_t cap, unsigned seed);

#endif
