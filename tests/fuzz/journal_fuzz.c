/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logs as a restart finds them. The first byte chooses: raw bytes as one segment, or entries that are whole
 * (so that what the entries say is reached past their checksums), of the journal or of the local key
 * manager's records. What was read is then asked for, since records come from other nodes and releases too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "disk/segment.h"
#include "fuzz/steady_random.h"
#include "keymgr/local.h"
#include "operation/request.h"
#include "store/journal.h"
#include "support/fake_keymgr.h"
#include "support/sim_disk.h"
#include "support/ttlv_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define LOCAL_RECORDS 1 /* the log `records`, else the journal */
#define WHOLE_ENTRIES 2 /* two bytes of length, one of type, then the payload, and so on */
#define BREAK_A_BYTE  4 /* the last three bytes say where and how */

#define OBJECTS 20

static struct store store;
static struct fake_keymgr fake;
static struct disk no_disk = {.fd = -1, .lost = true};
static struct log log_to_nobody = {.fd = -1};
static struct draft drafts[2];
static struct audit audit;
static uint8_t material[MATERIAL_MAX], answer[MESSAGE_LARGE], segment[80000];

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static size_t write_segment(const uint8_t *data, size_t len)
{
    const struct segment_id id = {.number = 1, .marker = {1, 2, 3, 4, 5, 6, 7, 8}};
    size_t at = SEGMENT_HEADER, from = 0;
    uint64_t serial = 1;
    segment_header_write(&id, segment);
    while (len - from >= 3) {
        size_t n = (size_t)data[from] << 8 | data[from + 1];
        uint32_t type = data[from + 2];
        from += 3;
        if (n > len - from)
            n = len - from;
        if (ENTRY_HEADER + (n + 7) / 8 * 8 > ENTRY_MAX || at + entry_size(n) > sizeof segment)
            break;
        entry_write(&id, type, serial++, span_of(data + from, n), span_of(NULL, 0), segment + at);
        at += entry_size(n);
        from += n;
    }
    return at;
}

/* Every entry lies inside the file, and serials grow. */
static void read_log(const struct disk_ops *ops, const char *log)
{
    static struct log_replay replay;
    struct entry entry;
    uint64_t last = 0;
    enum status status;
    log_replay_begin(&replay, ops, log);
    while ((status = log_replay_next(&replay, &entry)) == STATUS_OK) {
        need(entry.serial > last, "serials do not grow");
        need(entry.payload.len <= ENTRY_MAX - ENTRY_HEADER, "an entry larger than the greatest");
        uint8_t sum = 0;
        for (size_t i = 0; i < entry.payload.len; i++)
            sum = (uint8_t)(sum + entry.payload.ptr[i]);
        last = entry.serial + (sum & 0);
    }
    need(status == STATUS_END || status == STATUS_REFUSED, "a replay of readable files fails");
}

static void ask(const uint8_t *message, size_t len, struct clock now)
{
    static struct request request;
    struct operation_env env = {.store = &store,
                                .now = now,
                                .lease_time_s = 3600,
                                .vendor = "v",
                                .server_information = "i",
                                .drafts = drafts,
                                .audit = &audit,
                                .material = material};
    const char *why;
    need(request_begin(&request, span_of(message, len), now.mono_ms, &why) == REASON_NONE, why);
    audit.count = 0;
    need(request_run(&request, &env, answer, sizeof answer, 10) == REQUEST_DONE, "an overdue request waits");
    need(ttlv_check(span_of(answer, request.response_len), TTLV_DEPTH_MAX) == STATUS_OK,
         "an answer is not TTLV");
}

#define ANY_UID "uuuuuuuu-uuuu-uuuu-uuuu-uuuuuuuuuuuu"

/* Text is assembled once and its Unique Identifiers are put in afterwards: that takes no time. */
static void ask_for(const uint8_t uid[UUID_BYTES], struct clock now)
{
    static uint8_t messages[5][1500];
    static size_t lens[5];
    char text[1500], name[UUID_TEXT + 1];
    size_t minor = uid[0] % 5;
    uint8_t *message = messages[minor];
    if (lens[minor] == 0) {
        snprintf(
            text, sizeof text,
            "RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 "
            "ProtocolVersionMinor=i:%d } BatchErrorContinuationOption=e:1 BatchCount=i:4 } "
            "BatchItem{ Operation=e:0x0B UniqueBatchItemID=x:01 RequestPayload{ UniqueIdentifier=t:\"" ANY_UID
            "\" } } "
            "BatchItem{ Operation=e:0x0A UniqueBatchItemID=x:02 RequestPayload{ } } "
            "BatchItem{ Operation=e:0x0C UniqueBatchItemID=x:03 RequestPayload{ } } "
            "BatchItem{ Operation=e:0x09 UniqueBatchItemID=x:04 RequestPayload{ UniqueIdentifier=t:\"" ANY_UID
            "\" } } }",
            (int)minor);
        lens[minor] = ttlv_assemble(text, message, sizeof messages[0]);
    }
    static uint8_t copy[1500];
    memcpy(copy, message, lens[minor]);
    uuid_write(uid, name);
    for (size_t i = 0; i + UUID_TEXT <= lens[minor]; i++)
        if (memcmp(copy + i, ANY_UID, UUID_TEXT) == 0)
            memcpy(copy + i, name, UUID_TEXT);
    ask(copy, lens[minor], now);
}

static void ask_for_all(struct clock now)
{
    uint8_t uids[OBJECTS][UUID_BYTES];
    size_t count = 0;
    uint32_t at = 0;
    struct catalogue_entry *e;
    while (count < OBJECTS && (e = catalogue_next(&store.catalogue, &at)) != NULL)
        memcpy(uids[count++], e->uid, UUID_BYTES);
    for (size_t i = 0; i < count; i++)
        ask_for(uids[i], now);
    static uint8_t locate[500];
    static size_t locate_len;
    if (locate_len == 0)
        locate_len =
            ttlv_assemble("RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 "
                          "ProtocolVersionMinor=i:4 } BatchCount=i:1 } BatchItem{ Operation=e:8 "
                          "RequestPayload{ Attribute{ AttributeName=t:\"State\" AttributeValue=e:1 } } } }",
                          locate, sizeof locate);
    ask(locate, locate_len, now);
}

static void try_journal(const struct disk_ops *ops)
{
    static uint8_t *memory;
    const struct store_settings settings = {.objects = OBJECTS,
                                            .record_bytes = 64 * 1024,
                                            .flush_window_ms = 2000,
                                            .check_interval_ms = 30000,
                                            .offline_ms = 600000,
                                            .journal = true};
    struct clock now = {.mono_ms = 1000000, .unix_s = 1767225600};
    struct region region = {.base = NULL};
    char why[200];
    memset(&store, 0, sizeof store);
    store_carve(&store, &region, &settings);
    size_t size = (region.used + 63) / 64 * 64;
    if (memory == NULL)
        memory = aligned_alloc(64, size);
    memset(memory, 0, size);
    region = (struct region){.base = memory, .size = size};
    store_carve(&store, &region, &settings);
    if (store_open(&store, fake_keymgr(&fake), &no_disk, ops, &log_to_nobody, now, why, sizeof why) !=
        STATUS_OK)
        return;
    ask_for_all(now); /* before the key manager's list says that it has none of them */
    for (int i = 0; i < 20; i++) {
        now.mono_ms += 10;
        store_turn(&store, now);
    }
    ask_for_all(now);
}

static void try_local(const struct disk_ops *ops)
{
    static struct local_keymgr *local;
    static uint8_t *memory;
    static size_t size;
    struct region region = {.base = NULL};
    char why[200];
    local_carve(&region, OBJECTS);
    if (memory == NULL) {
        size = (region.used + 63) / 64 * 64;
        memory = aligned_alloc(64, size);
    }
    memset(memory, 0, size);
    region = (struct region){.base = memory, .size = size};
    local = local_carve(&region, OBJECTS);
    if (local_open(local, ops, &no_disk, why, sizeof why) != STATUS_OK)
        return;
    struct keymgr keymgr = local_keymgr(local);
    struct keymgr_call call = {.kind = KEYMGR_LIST, .ticket = 1};
    struct keymgr_answer a;
    need(keymgr_submit(&keymgr, &call), "no call is taken");
    for (int i = 0; i < 5; i++)
        keymgr.ops->turn(keymgr.self, (struct clock){.mono_ms = 1000, .unix_s = 1767225600});
    while (keymgr_take(&keymgr, &a))
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t root_key[KEK_BYTES] = {7};
    if (len < 5 || len > 32768)
        return 0;
    uint8_t options = data[0];
    const char *log = (options & LOCAL_RECORDS) != 0 ? LOCAL_LOG : JOURNAL_LOG;
    char name[SEGMENT_NAME];
    steady_random_begin();
    if (fake.page == 0)
        fake_init(&fake);
    for (size_t i = 0; i < fake.high; i++)
        fake.records[i].used = false;
    fake.high = 0;
    fake_hang_up(&fake);
    size_t size = len - 1, tail = (options & BREAK_A_BYTE) != 0 ? 3 : 0;
    if ((options & WHOLE_ENTRIES) != 0)
        size = write_segment(data + 1, len - 1 - tail);
    else
        memcpy(segment, data + 1, size);
    if (tail != 0)
        segment[((size_t)data[len - 3] << 8 | data[len - 2]) % size] ^= data[len - 1];
    struct sim_disk *disk = sim_disk_new();
    struct disk_ops ops = sim_disk_ops(disk);
    segment_name(log, 1, name);
    sim_disk_put_file(disk, name, segment, size);
    read_log(&ops, log);
    if ((options & LOCAL_RECORDS) != 0) {
        sim_disk_put_file(disk, LOCAL_ROOT_KEY_FILE, root_key, sizeof root_key);
        try_local(&ops);
    } else {
        try_journal(&ops);
    }
    sim_disk_free(disk);
    return 0;
}
