/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kek_cache.h"

#include "base/wipe.h"

/* First back-off of a failed fetch; doubles up to 32 s. Short, since a host that boots asks again at once. */
#define BACKOFF_MS 500

void kek_cache_carve(struct kek_cache *cache, struct region *region, uint32_t slots)
{
    cache->slots = slots;
    cache->keks = region_take(region, "KEK cache", slots, sizeof(struct kek));
}

void kek_cache_init(struct kek_cache *cache)
{
    cache->queue_head = cache->queue_tail = NO_SLOT_32;
}

static void enqueue(struct kek_cache *c, uint32_t slot)
{
    c->keks[slot].phase = KEK_WANTED;
    c->keks[slot].next = NO_SLOT_32;
    if (c->queue_tail == NO_SLOT_32)
        c->queue_head = slot;
    else
        c->keks[c->queue_tail].next = slot;
    c->queue_tail = slot;
}

enum ask kek_ask(struct kek_cache *c, uint32_t slot, struct clock now, const uint8_t **key,
                 enum keymgr_result *result)
{
    struct kek *k = &c->keks[slot];
    switch ((enum kek_phase)k->phase) {
    case KEK_READY:
        c->hits++;
        *key = k->key;
        return ASK_READY;
    case KEK_FAILED:
        if ((int32_t)((uint32_t)now.mono_ms - k->retry_ms) < 0) {
            *result = (enum keymgr_result)k->result;
            return ASK_FAILED;
        }
        enqueue(c, slot);
        return ASK_WAIT;
    case KEK_EMPTY:
        enqueue(c, slot);
        return ASK_WAIT;
    case KEK_WANTED:
    case KEK_ASKED:
        break;
    }
    return ASK_WAIT;
}

uint32_t kek_next_wanted(struct kek_cache *c)
{
    while (c->queue_head != NO_SLOT_32) {
        uint32_t slot = c->queue_head;
        c->queue_head = c->keks[slot].next;
        if (c->queue_head == NO_SLOT_32)
            c->queue_tail = NO_SLOT_32;
        c->keks[slot].phase = KEK_ASKED;
        c->in_flight++;
        c->fetches++;
        return slot;
    }
    return NO_SLOT_32;
}

void kek_ask_later(struct kek_cache *c, uint32_t slot)
{
    c->in_flight--;
    c->fetches--;
    c->keks[slot].phase = KEK_WANTED;
    c->keks[slot].next = c->queue_head;
    c->queue_head = slot;
    if (c->queue_tail == NO_SLOT_32)
        c->queue_tail = slot;
}

void kek_set(struct kek_cache *c, uint32_t slot, const uint8_t key[KEK_BYTES])
{
    struct kek *k = &c->keks[slot];
    c->ready += k->phase != KEK_READY;
    memcpy(k->key, key, KEK_BYTES);
    k->phase = KEK_READY;
    k->failures = 0;
}

void kek_fetched(struct kek_cache *c, uint32_t slot, enum keymgr_result result, const uint8_t key[KEK_BYTES],
                 struct clock now)
{
    struct kek *k = &c->keks[slot];
    if (c->in_flight != 0)
        c->in_flight--;
    if (k->phase != KEK_ASKED)
        return;
    if (result == KEYMGR_OK) {
        kek_set(c, slot, key);
        return;
    }
    k->phase = KEK_FAILED;
    k->result = (uint8_t)result;
    k->retry_ms = (uint32_t)now.mono_ms + (BACKOFF_MS << k->failures);
    if (k->failures < 6)
        k->failures++;
}

/* A slot in the queue stays there; it is only no longer filled. */
void kek_forget(struct kek_cache *c, uint32_t slot)
{
    struct kek *k = &c->keks[slot];
    if (k->phase == KEK_READY)
        c->ready--;
    if (k->phase == KEK_WANTED) {
        uint32_t *link = &c->queue_head, previous = NO_SLOT_32;
        while (*link != slot) {
            previous = *link;
            link = &c->keks[*link].next;
        }
        *link = k->next;
        if (c->queue_tail == slot)
            c->queue_tail = previous;
    }
    wipe(k, sizeof *k);
}

void kek_wipe_all(struct kek_cache *c)
{
    wipe(c->keks, (size_t)c->slots * sizeof *c->keks);
    c->queue_head = c->queue_tail = NO_SLOT_32;
    c->ready = 0;
    c->wipes++;
}
