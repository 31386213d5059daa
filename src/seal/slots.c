/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/slots.h"

#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"

#define HEADER   "holdfast-seal 1"
#define WORD_MAX 7 /* of the longest line */

static const char *const kind_names[] = {"file", "passphrase", "recovery", "tpm2"};

const char *seal_kind_name(enum seal_kind kind)
{
    return kind_names[kind];
}

static bool label_fits(const char *label)
{
    size_t len = strnlen(label, SEAL_LABEL_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        char c = label[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                    c == '-' || c == '_' || c == '+';
        if (!good)
            return false;
    }
    return len >= 1 && len <= SEAL_LABEL_MAX;
}

const struct seal_slot *seal_slots_find(const struct seal_slots *slots, enum seal_kind kind,
                                        const char *label)
{
    for (size_t i = 0; i < slots->count; i++) {
        const struct seal_slot *s = &slots->slot[i];
        if (s->kind == kind && (label == NULL || kind != SEAL_TPM2 || strcmp(s->label, label) == 0))
            return s;
    }
    return NULL;
}

static size_t count_kind(const struct seal_slots *slots, enum seal_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < slots->count; i++)
        n += slots->slot[i].kind == kind;
    return n;
}

enum status seal_slots_put(struct seal_slots *slots, const struct seal_slot *slot)
{
    if (slot->kind == SEAL_TPM2 && !label_fits(slot->label))
        return STATUS_MALFORMED;
    const struct seal_slot *old = seal_slots_find(slots, slot->kind, slot->label);
    if (old != NULL) {
        slots->slot[old - slots->slot] = *slot;
        return STATUS_OK;
    }
    if (slots->count == SEAL_SLOTS_MAX ||
        (slot->kind == SEAL_TPM2 && count_kind(slots, SEAL_TPM2) == SEAL_TPM2_MAX))
        return STATUS_NO_SPACE;
    slots->slot[slots->count++] = *slot;
    return STATUS_OK;
}

enum status seal_slots_remove(struct seal_slots *slots, enum seal_kind kind, const char *label)
{
    const struct seal_slot *old = seal_slots_find(slots, kind, label);
    if (old == NULL)
        return STATUS_NOT_FOUND;
    size_t at = (size_t)(old - slots->slot);
    slots->count--;
    memmove(slots->slot + at, slots->slot + at + 1, (slots->count - at) * sizeof slots->slot[0]);
    wipe(slots->slot + slots->count, sizeof slots->slot[0]);
    return STATUS_OK;
}

/* ---- as text ---- */

void seal_pcrs_write(uint32_t pcrs, char text[SEAL_PCRS_TEXT])
{
    struct buf out = buf_over(text, SEAL_PCRS_TEXT);
    text[0] = 0;
    for (unsigned i = 0; i < TPM_PCRS; i++)
        if ((pcrs >> i & 1) != 0)
            buf_print(&out, "%s%u", out.len == 0 ? "" : "+", i);
}

/* Only as seal_pcrs_write writes it: in order, each once. */
static bool read_pcrs(struct span text, uint32_t *pcrs)
{
    char again[SEAL_PCRS_TEXT];
    *pcrs = 0;
    for (size_t at = 0; at <= text.len;) {
        const uint8_t *end = at == text.len ? NULL : memchr(text.ptr + at, '+', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - text.ptr) - at;
        uint64_t number;
        if (number_read(span_of(text.ptr + at, len), TPM_PCRS - 1, &number) != STATUS_OK)
            return false;
        *pcrs |= UINT32_C(1) << number;
        at += len + 1;
    }
    seal_pcrs_write(*pcrs, again);
    return span_equal(text, span_of_text(again));
}

static void add_hex(struct buf *out, const uint8_t *ptr, size_t len)
{
    char text[2 * TPM_PRIVATE_MAX + 1];
    hex_write(span_of(ptr, len), 0, false, text, sizeof text);
    buf_print(out, " %s", text);
    wipe(text, sizeof text);
}

static void write_slot(const struct seal_slot *s, struct buf *out)
{
    char pcrs[SEAL_PCRS_TEXT];
    buf_print(out, "slot %s", seal_kind_name(s->kind));
    switch (s->kind) {
    case SEAL_FILE:
        add_hex(out, s->key, sizeof s->key);
        break;
    case SEAL_PASSPHRASE:
        buf_print(out, " %u", (unsigned)s->iterations);
        add_hex(out, s->salt, sizeof s->salt);
        add_hex(out, s->sealed, sizeof s->sealed);
        break;
    case SEAL_RECOVERY:
        add_hex(out, s->salt, sizeof s->salt);
        add_hex(out, s->sealed, sizeof s->sealed);
        break;
    case SEAL_TPM2:
        seal_pcrs_write(s->tpm2.pcrs, pcrs);
        buf_print(out, " %s", pcrs);
        add_hex(out, s->tpm2.parent, sizeof s->tpm2.parent);
        add_hex(out, s->tpm2.public_area, s->tpm2.public_len);
        add_hex(out, s->tpm2.private_part, s->tpm2.private_len);
        buf_print(out, " %s", s->label);
        break;
    }
    buf_add_text(out, "\n");
}

void seal_slots_write(const struct seal_slots *slots, struct buf *out)
{
    buf_add_text(out, HEADER "\n");
    for (size_t i = 0; i < slots->count; i++)
        write_slot(&slots->slot[i], out);
}

/* Words separated by one blank each; 0 when there are too many or an empty one. */
static size_t split(struct span line, struct span words[WORD_MAX])
{
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] != ' ')
            continue;
        if (i == from || count == WORD_MAX)
            return 0;
        words[count++] = span_of(line.ptr + from, i - from);
        from = i + 1;
    }
    return count;
}

/* Between 1 and cap bytes. */
static bool read_some(struct span text, uint8_t *out, size_t cap, size_t *len)
{
    *len = text.len / 2;
    return text.len % 2 == 0 && *len >= 1 && *len <= cap && hex_read(text, out, *len) == STATUS_OK;
}

static bool read_sealed(const struct span *salt_and_sealed, struct seal_slot *out)
{
    return hex_read(salt_and_sealed[0], out->salt, sizeof out->salt) == STATUS_OK &&
           hex_read(salt_and_sealed[1], out->sealed, sizeof out->sealed) == STATUS_OK;
}

static bool read_passphrase(const struct span *words, struct seal_slot *out)
{
    uint64_t iterations;
    if (number_read(words[0], SEAL_ITERATIONS_MAX, &iterations) != STATUS_OK ||
        iterations < SEAL_ITERATIONS_MIN)
        return false;
    out->iterations = (uint32_t)iterations;
    return read_sealed(words + 1, out);
}

static bool read_tpm2(const struct span *words, struct seal_slot *out)
{
    struct tpm_sealed *t = &out->tpm2;
    if (!read_pcrs(words[0], &t->pcrs) || hex_read(words[1], t->parent, sizeof t->parent) != STATUS_OK ||
        !read_some(words[2], t->public_area, sizeof t->public_area, &t->public_len) ||
        !read_some(words[3], t->private_part, sizeof t->private_part, &t->private_len) ||
        words[4].len > SEAL_LABEL_MAX)
        return false;
    memcpy(out->label, words[4].ptr, words[4].len);
    return strlen(out->label) == words[4].len && label_fits(out->label);
}

static bool read_slot(struct span line, struct seal_slot *out)
{
    struct span words[WORD_MAX];
    size_t count = split(line, words);
    memset(out, 0, sizeof *out);
    if (count < 3 || !span_equal(words[0], span_of_text("slot")))
        return false;
    size_t kind = 0;
    while (kind < COUNT_OF(kind_names) && !span_equal(words[1], span_of_text(kind_names[kind])))
        kind++;
    if (kind == COUNT_OF(kind_names))
        return false;
    out->kind = (enum seal_kind)kind;
    switch (out->kind) {
    case SEAL_FILE:
        return count == 3 && hex_read(words[2], out->key, sizeof out->key) == STATUS_OK;
    case SEAL_PASSPHRASE:
        return count == 5 && read_passphrase(words + 2, out);
    case SEAL_RECOVERY:
        return count == 4 && read_sealed(words + 2, out);
    case SEAL_TPM2:
        return count == 7 && read_tpm2(words + 2, out);
    }
    return false;
}

static enum status refuse(struct seal_slots *out, enum status status)
{
    wipe(out, sizeof *out);
    return status;
}

enum status seal_slots_read(struct span text, struct seal_slots *out, size_t *line)
{
    memset(out, 0, sizeof *out);
    *line = 0;
    if (text.len > SEAL_TEXT_MAX)
        return STATUS_TOO_LARGE;
    while (text.len != 0 || *line == 0) {
        struct seal_slot slot;
        const uint8_t *end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);
        (*line)++;
        if (end == NULL)
            return refuse(out, STATUS_MALFORMED);
        struct span one = span_of(text.ptr, (size_t)(end - text.ptr));
        bool good = *line == 1
                        ? span_equal(one, span_of_text(HEADER))
                        : read_slot(one, &slot) && (seal_slots_find(out, slot.kind, slot.label) == NULL) &&
                              seal_slots_put(out, &slot) == STATUS_OK;
        wipe(&slot, sizeof slot);
        if (!good)
            return refuse(out, STATUS_MALFORMED);
        text = span_of(end + 1, text.len - one.len - 1);
    }
    return out->count != 0 ? STATUS_OK : refuse(out, STATUS_MALFORMED);
}
