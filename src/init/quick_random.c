/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/quick_random.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/span.h"

#ifndef GRND_INSECURE
#define GRND_INSECURE 4 /* Linux 5.6 */
#endif

void quick_random(void *out, size_t len)
{
    uint8_t *at = out;
    while (len != 0) {
        ssize_t n = getrandom(at, len, GRND_INSECURE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        len -= (size_t)n;
    }
    /* A kernel that gives none: the time is better than nothing for a number that only has to be new. */
    for (uint64_t t = clock_mono_us(); len != 0; len--, t = t * 6364136223846793005u + 1442695040888963407u)
        *at++ = (uint8_t)(t >> 56);
}

uint32_t quick_random32(void)
{
    uint32_t n;
    quick_random(&n, sizeof n);
    return n;
}
