/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unwrapped KEKs, one slot beside each slot of the catalogue: no eviction, only expiry and purge. A fetch
 * belongs to its slot, not to whoever asked: ten who wait for one KEK make one call, and one who hangs up
 * cancels nothing. A failed fetch is a cached answer until its back-off is over.
 */
#ifndef HOLDFAST_STORE_KEK_CACHE_H
#define HOLDFAST_STORE_KEK_CACHE_H

#include "base/clock.h"
#include "base/region.h"
#include "keymgr/keymgr.h"
#include "store/catalogue.h"

enum kek_phase { KEK_EMPTY, KEK_WANTED, KEK_ASKED, KEK_READY, KEK_FAILED };

struct kek {
    uint8_t key[KEK_BYTES];
    uint32_t next;     /* in the queue of wanted ones */
    uint32_t retry_ms; /* low bits of the moment when a failed fetch may be tried again */
    uint8_t phase;
    uint8_t failures;
    uint8_t result; /* enum keymgr_result of the failure */
};

struct kek_cache {
    struct kek *keks;
    uint32_t slots;
    uint32_t queue_head, queue_tail; /* NO_SLOT_32: empty */
    uint32_t in_flight;
    uint32_t ready;
    uint64_t hits, fetches, wipes;
};

void kek_cache_carve(struct kek_cache *cache, struct region *region, uint32_t slots);
void kek_cache_init(struct kek_cache *cache);

/* READY: *key points to 32 bytes, for this turn. FAILED: *result says how; asked again after the back-off. */
MUST_USE enum ask kek_ask(struct kek_cache *cache, uint32_t slot, struct clock now, const uint8_t **key,
                          enum keymgr_result *result);
/* This slot is asked for in a moment: brings it into the processor's cache. */
static inline void kek_expect(const struct kek_cache *cache, uint32_t slot)
{
    __builtin_prefetch(cache->keks[slot].key);
    __builtin_prefetch(&cache->keks[slot].phase);
}
/* The next slot whose KEK has to be fetched, marked as asked for; NO_SLOT_32 when there is none. */
uint32_t kek_next_wanted(struct kek_cache *cache);
/* Puts a slot back that could not be asked for after all. */
void kek_ask_later(struct kek_cache *cache, uint32_t slot);
/* The answer for a slot that was asked for. Ignored when the slot has been forgotten meanwhile. */
void kek_fetched(struct kek_cache *cache, uint32_t slot, enum keymgr_result result,
                 const uint8_t key[KEK_BYTES], struct clock now);
/* A KEK that is at hand: a new one. */
void kek_set(struct kek_cache *cache, uint32_t slot, const uint8_t key[KEK_BYTES]);
/* Wipes one slot, or all of them; fetches under way are forgotten. */
void kek_forget(struct kek_cache *cache, uint32_t slot);
void kek_wipe_all(struct kek_cache *cache);

#endif
