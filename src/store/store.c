/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/wipe.h"
#include "crypto/random.h"
#include "store/journal.h"
#include "store/rewrap.h"
#include "store/rooms.h"
#include "store/sync.h"

/* That an object was served is noted this often: a restart wants to know which KEKs are in use. */
#define SERVED_NOTE_S 86400
/* bytes of a processor's cache line; a wrong guess costs nothing but time */
#define CACHE_LINE 64
/* bytes of a record that a Get reads */
#define EXPECTED_BYTES 512

void store_carve(struct store *s, struct region *region, const struct store_settings *settings)
{
    s->settings = *settings;
    uint32_t slots = settings->objects + SPARE_KEKS;
    catalogue_carve(&s->catalogue, region, slots, settings->record_bytes);
    kek_cache_carve(&s->keks, region, slots);
    s->draft = region_take(region, "store draft", 1, sizeof(struct draft));
}

enum status store_open(struct store *s, struct keymgr keymgr, struct disk *disk, const struct disk_ops *ops,
                       struct log *log, struct clock now, char *why, size_t why_cap)
{
    catalogue_init(&s->catalogue);
    kek_cache_init(&s->keks);
    lease_init(&s->lease, s->settings.check_interval_ms, s->settings.offline_ms, now);
    random_bytes(s->node, sizeof s->node);
    s->keymgr = keymgr;
    s->disk = s->settings.journal ? disk : NULL;
    s->log = log;
    s->now = now;
    s->active = s->dirty_head = s->dirty_tail = NO_SLOT_32;
    if (s->disk == NULL)
        return STATUS_OK;
    enum status status = journal_replay(s, ops, why, why_cap);
    uint32_t at = 0;
    struct catalogue_entry *e;
    while (status == STATUS_OK && (e = catalogue_next(&s->catalogue, &at)) != NULL)
        if (e->stored_generation < e->generation)
            upload_add(s, e, now.mono_ms + s->settings.flush_window_ms);
    return status;
}

static void take_answers(struct store *s)
{
    struct keymgr_answer a;
    while (keymgr_take(&s->keymgr, &a)) {
        s->news++;
        switch (a.kind) {
        case KEYMGR_NEW_KEY:
            keys_new_answered(s, &a);
            break;
        case KEYMGR_UNWRAP:
            keys_unwrap_answered(s, &a);
            break;
        case KEYMGR_STATE:
            keys_state_answered(s, &a);
            break;
        case KEYMGR_PUT:
            upload_answered(s, &a);
            break;
        case KEYMGR_GET:
            sync_got(s, &a);
            break;
        case KEYMGR_LIST:
            sync_listed(s, &a);
            break;
        case KEYMGR_DELETE:
            upload_removal_answered(s, &a);
            break;
        case KEYMGR_LIST_DELETED:
            sync_removed(s, &a);
            break;
        case KEYMGR_FIND:
            sync_found(s, &a);
            break;
        case KEYMGR_REWRAP:
            rewrap_answered(s, &a);
            break;
        }
        wipe(a.key, sizeof a.key);
    }
}

void store_turn(struct store *s, struct clock now)
{
    s->now = now;
    s->stirred = false;
    s->keymgr.ops->turn(s->keymgr.self, now);
    take_answers(s);
    /* In the order in which calls are given out: what somebody waits for comes first. */
    if (s->active != NO_SLOT_32)
        change_turn(s);
    keys_check_lease(s);
    if (s->keks.queue_head != NO_SLOT_32)
        keys_fetch(s);
    if (!s->spares_full)
        keys_refill_spares(s);
    if (s->dirty_head != NO_SLOT_32)
        upload_send(s);
    if (s->removals_used != 0)
        upload_send_removals(s);
    sync_turn(s);
    if (s->rewrap.running)
        rewrap_turn(s);
    if (s->keymgr.shared)
        keys_prefetch(s);
    if (s->disk != NULL)
        journal_clean(s);
    take_answers(s); /* what the local key manager answers at once does not wait for another turn */
}

uint64_t store_deadline(const struct store *s)
{
    if (s->stirred)
        return s->now.mono_ms;
    uint64_t deadline = lease_deadline(&s->lease);
    if (!s->upload_held && s->dirty_head != NO_SLOT_32) {
        uint64_t due = upload_due_ms(s, &s->catalogue.entries[s->dirty_head]);
        deadline = due < deadline ? due : deadline;
    }
    if (s->removals_used != 0 && s->removal_retry_ms > s->now.mono_ms && s->removal_retry_ms < deadline)
        deadline = s->removal_retry_ms;
    uint64_t sync = sync_deadline(s), rewrap = rewrap_deadline(s);
    if (sync < deadline)
        deadline = sync;
    if (rewrap < deadline)
        deadline = rewrap;
    if (s->new_key_retry_ms > s->now.mono_ms && s->new_key_retry_ms < deadline)
        deadline = s->new_key_retry_ms;
    return deadline;
}

/* Of thousands of keys the one asked for is hardly ever in the processor's cache: record and KEK are fetched
 * at the same time, not one after the other when each is reached. */
static void expect_use(const struct store *s, const struct catalogue_entry *e)
{
    struct span record = catalogue_record(&s->catalogue, e);
    kek_expect(&s->keks, catalogue_slot(&s->catalogue, e));
    for (size_t at = 0; at < record.len && at < EXPECTED_BYTES; at += CACHE_LINE)
        __builtin_prefetch(record.ptr + at);
    __builtin_prefetch(&e->served, 1);
}

enum ask store_find(struct store *s, const uint8_t uid[UUID_BYTES], struct handle *out)
{
    struct catalogue_entry *e = catalogue_find(&s->catalogue, uid);
    if (e != NULL && e->record != 0) {
        expect_use(s, e);
        *out = catalogue_handle(&s->catalogue, e);
        return ASK_READY;
    }
    *out = (struct handle){.serial = 0};
    if (e != NULL && entry_is_unread(e))
        sync_read_first(s, e);
    if (!s->sync.listed || (e != NULL && entry_is_unread(e)))
        return ASK_WAIT;
    return s->keymgr.shared && sync_is_unknown(s, uid) == ASK_WAIT ? ASK_WAIT : ASK_FAILED;
}

void store_served(struct store *s, struct handle handle)
{
    struct catalogue_entry *e = catalogue_get(&s->catalogue, handle);
    if (e == NULL)
        return;
    e->served = ++s->catalogue.next_served;
    bool first = s->now.unix_s - e->served_unix_s >= SERVED_NOTE_S;
    e->served_unix_s = (uint32_t)s->now.unix_s;
    if (first && s->keymgr.shared)
        journal_served(s, e);
}
