/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies in nanoseconds, counted in buckets at most 1/64 wide, so that a percentile of a million requests
 * costs no memory a request and no sorting. Zero-initialise; the caller owns it.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* 64 linear buckets below 64 ns, then 64 for each of the powers of two up to 2^42 ns (over an hour). */
#define HISTOGRAM_BUCKETS (64 * 38)

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint32_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t ns);

/* The upper edge of the bucket that holds the given share (0.50, 0.99), never above the largest value; 0 if
 * empty. */
uint64_t histogram_at(const struct histogram *h, double share);

#endif
