/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#include <stddef.h>

static size_t bucket_of(uint64_t ns)
{
    if (ns < 64)
        return (size_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 6;
    size_t bucket = 64 + (size_t)shift * 64 + (size_t)((ns >> shift) - 64);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t upper_edge(size_t bucket)
{
    if (bucket < 64)
        return bucket;
    unsigned shift = (unsigned)(bucket / 64 - 1);
    return ((uint64_t)(bucket % 64 + 65) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->bucket[bucket_of(ns)]++;
    h->count++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > 0 && (double)seen >= share * (double)h->count) {
            uint64_t edge = upper_edge(i);
            return edge < h->max_ns ? edge : h->max_ns;
        }
    }
    return 0;
}
