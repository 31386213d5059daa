/* SPDX-License-Identifier: Apache-2.0 */
/* KEKs and the lease on them: spares made ahead, fetches, wiping. */
#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/rewrap.h"
#include "store/rooms.h"

/* After a failure to make a new key. */
#define RETRY_MS 1000
/* When no call was free for the question about the root key. */
#define CHECK_AGAIN_MS 200
/* Keys fetched at once that nobody waits for: half of the calls. */
#define PREFETCHES   (CLOUD_CALLS / 2)
#define SLOTS_A_TURN 256

/* A call that the root key refused: whether it is revoked is asked at once, not at the next interval. */
static void look_at_root(struct store *s, enum keymgr_result result)
{
    if (result == KEYMGR_ROOT_GONE && lease_serves(&s->lease) && !s->lease.asked)
        s->lease.next_check_ms = s->now.mono_ms;
}

void keys_new_answered(struct store *s, struct keymgr_answer *a)
{
    look_at_root(s, a->result);
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct spare *spare = &s->spares[i];
        struct catalogue_entry *e = catalogue_get(&s->catalogue, spare->handle);
        if (spare->phase != SPARE_ASKED || e == NULL || rooms_ticket(s, e) != a->ticket)
            continue;
        if (a->result == KEYMGR_OK && a->data.len <= WRAPPED_KEK_MAX) {
            kek_set(&s->keks, spare->handle.slot, a->key);
            memcpy(spare->wrapped, a->data.ptr, a->data.len);
            spare->wrapped_len = a->data.len;
            memcpy(spare->root_version, a->root_version, ROOT_VERSION_BYTES);
            spare->phase = SPARE_READY;
            s->new_key_result = KEYMGR_OK;
        } else {
            catalogue_remove(&s->catalogue, e);
            spare->phase = SPARE_EMPTY;
            s->spares_full = false;
            s->new_key_result = a->result == KEYMGR_OK ? KEYMGR_REFUSED : a->result;
            s->new_key_retry_ms = s->now.mono_ms + RETRY_MS;
            log_write(s->log, LOG_WARNING, "store", "no new key: %s", a->why);
        }
    }
}

/* A wrapped KEK that is not bound to its object could be another one's: the digest tells. */
static bool is_the_key(const struct store *s, const struct catalogue_entry *e, const uint8_t key[KEK_BYTES])
{
    struct object object;
    uint8_t digest[SHA256_BYTES];
    if (object_open(catalogue_record(&s->catalogue, e), &object) != STATUS_OK)
        return false;
    if ((object.head.flags & OBJECT_MATERIAL_IS_KEK) == 0 || object.digest.len != sizeof digest)
        return true; /* unsealing the material tells */
    sha256(span_of(key, KEK_BYTES), digest);
    return memcmp(digest, object.digest.ptr, sizeof digest) == 0;
}

void keys_unwrap_answered(struct store *s, struct keymgr_answer *a)
{
    struct catalogue_entry *e = rooms_entry(s, a->ticket);
    look_at_root(s, a->result);
    if (e == NULL) {
        if (s->keks.in_flight != 0)
            s->keks.in_flight--;
        return;
    }
    if (a->result == KEYMGR_OK && !is_the_key(s, e, a->key)) {
        a->result = KEYMGR_REFUSED;
        snprintf(a->why, sizeof a->why, "the key manager gave another key than the one that was made");
    }
    uint32_t skipped;
    if (a->result != KEYMGR_OK && log_limit_pass(&s->limit_unwrap, s->now.unix_s, 10, &skipped)) {
        char uid[UUID_TEXT + 1];
        uuid_write(e->uid, uid);
        log_write(s->log, LOG_WARNING, "store", "the key of %s was not unwrapped: %s", uid, a->why);
    }
    /* A key that arrives after a revocation must not come to life again. */
    if (a->result == KEYMGR_OK && !lease_serves(&s->lease))
        a->result = KEYMGR_ROOT_GONE;
    kek_fetched(&s->keks, (uint32_t)a->ticket, a->result, a->key, s->now);
}

static void wipe_keks(struct store *s)
{
    log_write(s->log, LOG_WARNING, "lease", "%u keys erased from memory: %s", s->keks.ready,
              lease_refusal(s->lease.state));
    store_erase_keks(s);
}

void store_erase_keks(struct store *s)
{
    kek_wipe_all(&s->keks);
    if (s->keymgr.ops->forget != NULL)
        s->keymgr.ops->forget(s->keymgr.self);
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct catalogue_entry *e = catalogue_get(&s->catalogue, s->spares[i].handle);
        if (s->spares[i].phase != SPARE_EMPTY && e != NULL)
            catalogue_remove(&s->catalogue, e);
        wipe(&s->spares[i], sizeof s->spares[i]);
    }
    s->spares_full = false;
}

void keys_state_answered(struct store *s, const struct keymgr_answer *a)
{
    enum lease_state before = s->lease.state;
    bool served = lease_serves(&s->lease);
    if (lease_answer(&s->lease, a->result, a->why, s->now))
        wipe_keks(s);
    if (!served && lease_serves(&s->lease))
        s->prefetch_at = 0;
    rewrap_version(s, a->root_version);
    if (s->lease.state == before)
        return;
    log_write(s->log, s->lease.state == LEASE_READY ? LOG_INFO : LOG_WARNING, "lease", "%s%s%s",
              lease_state_name(s->lease.state), s->lease.why[0] != 0 ? ": " : "", s->lease.why);
    if (s->lease.state == LEASE_READY)
        s->new_key_retry_ms = 0;
    s->stirred = true;
}

void keys_refill_spares(struct store *s)
{
    if (s->spares_full || !lease_creates(&s->lease) || s->now.mono_ms < s->new_key_retry_ms)
        return;
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        struct spare *spare = &s->spares[i];
        if (spare->phase != SPARE_EMPTY)
            continue;
        if (s->catalogue.count >= s->settings.objects + SPARE_KEKS)
            return;
        struct keymgr_call call = {.kind = KEYMGR_NEW_KEY};
        random_uuid(call.uid);
        struct catalogue_entry *e = catalogue_add(&s->catalogue, call.uid);
        if (e == NULL)
            return;
        call.ticket = rooms_ticket(s, e);
        if (!keymgr_submit(&s->keymgr, &call)) {
            catalogue_remove(&s->catalogue, e);
            return;
        }
        spare->handle = catalogue_handle(&s->catalogue, e);
        spare->phase = SPARE_ASKED;
    }
    s->spares_full = true;
}

void keys_fetch(struct store *s)
{
    if (!lease_serves(&s->lease))
        return;
    for (;;) {
        uint32_t slot = kek_next_wanted(&s->keks);
        if (slot == NO_SLOT_32)
            return;
        struct catalogue_entry *e = &s->catalogue.entries[slot];
        struct object object;
        if (!e->in_use || e->record == 0 ||
            object_open(catalogue_record(&s->catalogue, e), &object) != STATUS_OK ||
            object.wrapped_kek.len == 0) {
            kek_fetched(&s->keks, slot, KEYMGR_REFUSED, NULL, s->now);
            continue;
        }
        struct keymgr_call call = {
            .kind = KEYMGR_UNWRAP, .ticket = rooms_ticket(s, e), .data = object.wrapped_kek};
        memcpy(call.uid, e->uid, UUID_BYTES);
        if (!keymgr_submit(&s->keymgr, &call)) {
            kek_ask_later(&s->keks, slot);
            return;
        }
    }
}

void keys_check_lease(struct store *s)
{
    if (lease_tick(&s->lease, s->now))
        wipe_keks(s);
    if (s->lease.asked || s->now.mono_ms < s->lease.next_check_ms)
        return;
    struct keymgr_call call = {.kind = KEYMGR_STATE};
    if (keymgr_submit(&s->keymgr, &call))
        lease_ask(&s->lease, s->now);
    else
        s->lease.next_check_ms = s->now.mono_ms + CHECK_AGAIN_MS;
}

void keys_prefetch(struct store *s)
{
    const uint8_t *key;
    enum keymgr_result result;
    if (!s->keymgr.shared || !lease_serves(&s->lease) || s->keks.queue_head != NO_SLOT_32)
        return;
    for (int i = 0; i < SLOTS_A_TURN && s->keks.in_flight < PREFETCHES && s->prefetch_at < s->catalogue.high;
         i++) {
        uint32_t slot = s->prefetch_at++;
        const struct catalogue_entry *e = &s->catalogue.entries[slot];
        if (!e->in_use || e->record == 0 || e->served_unix_s == 0 || s->keks.keks[slot].phase != KEK_EMPTY)
            continue;
        (void)!kek_ask(&s->keks, slot, s->now, &key, &result);
        keys_fetch(s);
        if (s->keks.queue_head != NO_SLOT_32)
            return; /* no call is free: what nobody waits for does not stand in the queue */
    }
}

static const char *why_not(const struct store *s, enum keymgr_result result)
{
    if (!lease_serves(&s->lease))
        return lease_refusal(s->lease.state);
    switch (result) {
    case KEYMGR_DENIED:
        return lease_refusal(LEASE_DENIED);
    case KEYMGR_ROOT_GONE:
        return lease_refusal(LEASE_REVOKED);
    case KEYMGR_ROOT_EXPIRED:
        return lease_refusal(LEASE_READ_ONLY);
    case KEYMGR_LOCKED:
        return lease_refusal(LEASE_LOCKED);
    case KEYMGR_REFUSED:
    case KEYMGR_NO_RECORD:
        return "the key manager refused this key; the server's log says why";
    case KEYMGR_OK:
    case KEYMGR_AWAY:
        break;
    }
    return "the key manager did not answer; try again";
}

enum ask store_kek(struct store *s, struct handle handle, const uint8_t **key, const char **why)
{
    enum keymgr_result result = KEYMGR_OK;
    if (!lease_serves(&s->lease)) {
        *why = why_not(s, result);
        return s->lease.state == LEASE_STARTING ? ASK_WAIT : ASK_FAILED;
    }
    enum ask ask = kek_ask(&s->keks, handle.slot, s->now, key, &result);
    if (ask == ASK_WAIT)
        s->stirred = s->stirred || s->keks.keks[handle.slot].phase == KEK_WANTED;
    if (ask == ASK_FAILED)
        *why = why_not(s, result);
    return ask;
}

enum ask store_spare(struct store *s, struct spare **spare, const uint8_t **key, const char **why)
{
    if (!lease_creates(&s->lease)) {
        *why = lease_refusal(s->lease.state);
        return s->lease.state == LEASE_STARTING ? ASK_WAIT : ASK_FAILED;
    }
    for (size_t i = 0; i < SPARE_KEKS; i++) {
        enum keymgr_result result;
        if (s->spares[i].phase == SPARE_READY &&
            kek_ask(&s->keks, s->spares[i].handle.slot, s->now, key, &result) == ASK_READY) {
            *spare = &s->spares[i];
            return ASK_READY;
        }
    }
    if (s->catalogue.count >= s->settings.objects + SPARE_KEKS) {
        *why = "the catalogue is full; raise store objects, or destroy keys that nobody needs";
        return ASK_FAILED;
    }
    if (s->new_key_result != KEYMGR_OK && s->now.mono_ms < s->new_key_retry_ms) {
        *why = why_not(s, s->new_key_result);
        return ASK_FAILED;
    }
    return ASK_WAIT;
}

void store_use_spare(struct store *s, struct spare *spare)
{
    wipe(spare, sizeof *spare);
    s->spares_full = false;
    s->stirred = true;
}
