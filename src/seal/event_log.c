/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/event_log.h"

#include <errno.h>
#include <unistd.h>

#include "crypto/kdf.h"

#define NO_ACTION      3 /* EV_NO_ACTION: said in the log, not measured */
#define ALGORITHMS_MAX 8
#define DIGEST_MAX     64
#define SPEC_ID        "Spec ID Event03"

struct algorithm {
    uint16_t id;
    uint16_t bytes;
};

/* The log through a small window. Bad is sticky. */
struct reader {
    int file;
    enum status status;
    size_t total;
    size_t at;
    size_t len;
    size_t count; /* algorithms */
    struct algorithm algorithm[ALGORITHMS_MAX];
    uint8_t window[1024];
};

static bool refill(struct reader *r)
{
    ssize_t n;
    do
        n = read(r->file, r->window, sizeof r->window);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        r->status = STATUS_FAILED;
    if (n <= 0)
        return false;
    r->at = 0;
    r->len = (size_t)n;
    r->total += r->len;
    if (r->total > EVENT_LOG_BYTES)
        r->status = STATUS_TOO_LARGE;
    return r->status == STATUS_OK;
}

/* The next len bytes; out NULL: passed over. An end among them is bad. */
static void take(struct reader *r, uint8_t *out, size_t len)
{
    while (len != 0 && r->status == STATUS_OK) {
        if (r->at == r->len && !refill(r)) {
            if (r->status == STATUS_OK)
                r->status = STATUS_MALFORMED;
            return;
        }
        size_t n = r->len - r->at < len ? r->len - r->at : len;
        if (out != NULL) {
            memcpy(out, r->window + r->at, n);
            out += n;
        }
        r->at += n;
        len -= n;
    }
}

static uint32_t take_little(struct reader *r, size_t bytes)
{
    uint8_t raw[4] = {0};
    take(r, raw, bytes);
    return r->status != STATUS_OK
               ? 0
               : (uint32_t)raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 | (uint32_t)raw[3] << 24;
}

static enum status refuse(struct reader *r, enum status status)
{
    if (r->status == STATUS_OK)
        r->status = status;
    return r->status;
}

/* The first event is in the old form and says which digests the others have: TCG_EfiSpecIDEvent. */
static enum status read_spec_id(struct reader *r)
{
    uint8_t signature[16];
    take(r, NULL, 4); /* PCR 0 */
    uint32_t type = take_little(r, 4);
    take(r, NULL, 20); /* a digest of zeros */
    uint32_t size = take_little(r, 4);
    take(r, signature, sizeof signature);
    take(r, NULL, 8); /* platform class, versions, size of integers */
    uint32_t count = take_little(r, 4);
    if (r->status != STATUS_OK || type != NO_ACTION || count < 1 || count > ALGORITHMS_MAX ||
        memcmp(signature, SPEC_ID, sizeof signature) != 0)
        return refuse(r, STATUS_MALFORMED);
    bool has_sha256 = false;
    for (r->count = 0; r->count < count; r->count++) {
        struct algorithm *a = &r->algorithm[r->count];
        a->id = (uint16_t)take_little(r, 2);
        a->bytes = (uint16_t)take_little(r, 2);
        if (a->bytes > DIGEST_MAX || (a->id == TPM_SHA256 && a->bytes != SHA256_BYTES))
            return refuse(r, STATUS_MALFORMED);
        has_sha256 = has_sha256 || a->id == TPM_SHA256;
    }
    uint32_t vendor = take_little(r, 1);
    take(r, NULL, vendor);
    if (r->status == STATUS_OK && size != 16 + 8 + 4 + 4 * count + 1 + vendor)
        return refuse(r, STATUS_MALFORMED);
    return has_sha256 ? r->status : refuse(r, STATUS_NOT_FOUND);
}

static void take_digest(struct reader *r, uint8_t sha256_out[SHA256_BYTES], bool *found)
{
    uint16_t id = (uint16_t)take_little(r, 2);
    for (size_t i = 0; i < r->count; i++) {
        if (r->algorithm[i].id != id)
            continue;
        bool ours = id == TPM_SHA256;
        take(r, ours ? sha256_out : NULL, r->algorithm[i].bytes);
        *found = *found || ours;
        return;
    }
    refuse(r, STATUS_MALFORMED);
}

static void read_event(struct reader *r, uint32_t pcrs, struct event_log *out)
{
    struct measured e = {.pcr = take_little(r, 4)};
    bool found = false;
    e.type = take_little(r, 4);
    uint32_t count = take_little(r, 4);
    if (count > ALGORITHMS_MAX) {
        refuse(r, STATUS_MALFORMED);
        return;
    }
    for (uint32_t i = 0; i < count && r->status == STATUS_OK; i++)
        take_digest(r, e.digest, &found);
    uint32_t size = take_little(r, 4);
    if (r->status == STATUS_OK && size > EVENT_LOG_BYTES) {
        refuse(r, STATUS_MALFORMED);
        return;
    }
    take(r, NULL, size);
    bool wanted = e.pcr < TPM_PCRS && (pcrs >> e.pcr & 1) != 0 && e.type != NO_ACTION;
    if (r->status != STATUS_OK || !wanted)
        return;
    if (!found)
        refuse(r, STATUS_MALFORMED);
    else if (out->count == EVENT_LOG_EVENTS)
        refuse(r, STATUS_TOO_LARGE);
    else
        out->event[out->count++] = e;
}

enum status event_log_read(int file, uint32_t pcrs, struct event_log *out)
{
    struct reader r = {.file = file};
    memset(out, 0, sizeof *out);
    enum status status = read_spec_id(&r);
    while (status == STATUS_OK && (r.at != r.len || refill(&r))) {
        read_event(&r, pcrs, out);
        status = r.status;
    }
    if (r.status != STATUS_OK)
        out->count = 0;
    return r.status;
}

void event_log_replay(const struct event_log *log, uint32_t pcrs, struct event_swap *swaps, size_t count,
                      struct tpm_pcrs *out)
{
    memset(out, 0, sizeof *out);
    out->mask = pcrs;
    for (size_t i = 0; i < count; i++)
        swaps[i].used = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct measured *e = &log->event[i];
        const uint8_t *digest = e->digest;
        if (e->pcr >= TPM_PCRS || (pcrs >> e->pcr & 1) == 0)
            continue;
        for (size_t k = 0; k < count && digest == e->digest; k++) {
            if (memcmp(e->digest, swaps[k].from, SHA256_BYTES) != 0)
                continue;
            digest = swaps[k].to;
            swaps[k].used++;
        }
        uint8_t *value = out->value[e->pcr];
        const struct span parts[] = {span_of(value, SHA256_BYTES), span_of(digest, SHA256_BYTES)};
        sha256_parts(parts, COUNT_OF(parts), value);
    }
}
