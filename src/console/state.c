/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/state.h"

#include "base/text.h"

#define IDLE_NORMAL_S 600

void state_clear(struct box_state *s)
{
    memset(s, 0, sizeof *s);
    s->idle_s = IDLE_NORMAL_S;
}

static void copy(char *out, size_t cap, struct span text)
{
    size_t n = text.len < cap ? text.len : cap - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)(text.ptr[i] >= ' ' && text.ptr[i] < 0x7f ? text.ptr[i] : '.');
    out[n] = 0;
}

static struct span take_word(struct span *line)
{
    while (line->len != 0 && line->ptr[0] == ' ')
        *line = span_of(line->ptr + 1, line->len - 1);
    size_t n = 0;
    while (n < line->len && line->ptr[n] != ' ')
        n++;
    struct span word = span_of(line->ptr, n);
    *line = span_of(line->ptr + n, line->len - n);
    while (line->len != 0 && line->ptr[0] == ' ')
        *line = span_of(line->ptr + 1, line->len - 1);
    return word;
}

static bool is_word(struct span word, const char *text)
{
    return span_equal(word, span_of_text(text));
}

static void take_port(struct box_state *s, struct span rest)
{
    if (s->port_count == STATE_PORTS)
        return;
    struct state_port *p = &s->ports[s->port_count++];
    copy(p->name, sizeof p->name, take_word(&rest));
    copy(p->mac, sizeof p->mac, take_word(&rest));
    p->up = is_word(take_word(&rest), "up");
    copy(p->speed, sizeof p->speed, rest);
}

static void take_number(struct span text, unsigned *out)
{
    uint64_t number;
    if (number_read(text, UINT32_MAX, &number) == STATUS_OK)
        *out = (unsigned)number;
}

struct field {
    const char *key;
    size_t offset, cap;
};

#define FIELD(name)                                                                                          \
    {                                                                                                        \
#name, offsetof(struct box_state, name), sizeof((struct box_state *)NULL)->name                      \
    }

static bool take_text(struct box_state *s, struct span key, struct span rest)
{
    static const struct field fields[] = {FIELD(name), FIELD(version), FIELD(board), FIELD(serial),
                                          FIELD(tpm),  FIELD(random),  FIELD(clock), FIELD(banner)};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (is_word(key, fields[i].key)) {
            copy((char *)s + fields[i].offset, fields[i].cap, rest);
            return true;
        }
    return false;
}

void state_take(struct box_state *s, struct span line)
{
    struct span rest = line, key = take_word(&rest);
    s->answered = true;
    if (take_text(s, key, rest))
        return;
    if (is_word(key, "configured"))
        s->configured = is_word(rest, "yes");
    else if (is_word(key, "serve"))
        s->starting = is_word(rest, "starting");
    else if (is_word(key, "data"))
        s->no_data = is_word(rest, "no");
    else if (is_word(key, "locked"))
        s->locked = is_word(rest, "yes");
    else if (is_word(key, "revision"))
        take_number(rest, &s->revision);
    else if (is_word(key, "trial"))
        take_number(rest, &s->trial_s);
    else if (is_word(key, "idle"))
        take_number(rest, &s->idle_s);
    else if (is_word(key, "login-wait"))
        take_number(rest, &s->login_wait_s);
    else if (is_word(key, "port"))
        take_port(s, rest);
    else if (is_word(key, "address") && s->address_count < STATE_ADDRESSES)
        copy(s->addresses[s->address_count++], STATE_TEXT, rest);
    else if (is_word(key, "fault") && s->fault_count < STATE_FAULTS)
        copy(s->faults[s->fault_count++], STATE_TEXT, rest);
    else if (is_word(key, "log") && number_read(rest, UINT64_MAX, &s->newest_log) != STATUS_OK)
        s->newest_log = 0;
}

void state_take_serving(struct box_state *s, struct span line)
{
    while (line.len != 0 && s->serving[0] == 0) {
        struct span word = take_word(&line);
        bool capitals = word.len >= 4;
        for (size_t i = 0; i < word.len; i++)
            capitals = capitals && ((word.ptr[i] >= 'A' && word.ptr[i] <= 'Z') || word.ptr[i] == '-');
        if (capitals)
            copy(s->serving, sizeof s->serving, word);
    }
}

/* ---- thumbprints ---- */

static bool is_hex(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* Pairs of digits apart by colons from `at` on; returns how many (at most 33), and whether a colon is left
 * over. */
static size_t read_pairs(struct span line, size_t at, uint8_t out[32], bool *open)
{
    size_t n = 0;
    *open = false;
    while (at + 1 < line.len && is_hex(line.ptr[at]) && is_hex(line.ptr[at + 1])) {
        if (n < 32 && hex_read(span_of(line.ptr + at, 2), out + n, 1) != STATUS_OK)
            return 0;
        n++;
        at += 2;
        *open = at < line.len && line.ptr[at] == ':';
        if (!*open)
            break;
        at++;
    }
    return n;
}

static struct thumbprint *place(struct thumbprints *t, bool sha1)
{
    if (t->count != 0) {
        struct thumbprint *last = &t->print[t->count - 1];
        if (sha1 ? !last->has_sha1 : !last->has_sha256)
            return last;
    }
    if (t->count == THUMBPRINTS)
        return NULL;
    struct thumbprint *fresh = &t->print[t->count++];
    memcpy(fresh->kind, t->kind, sizeof fresh->kind);
    return fresh;
}

static void take_print(struct thumbprints *t, const uint8_t *bytes, size_t n)
{
    struct thumbprint *p = place(t, n == 20);
    if (p == NULL)
        return;
    memcpy(n == 20 ? p->sha1 : p->sha256, bytes, n);
    *(n == 20 ? &p->has_sha1 : &p->has_sha256) = true;
}

void thumbprints_take(struct thumbprints *t, struct span line)
{
    uint8_t bytes[32];
    bool open;
    if (memmem(line.ptr, line.len, "ECDSA", 5) != NULL)
        memcpy(t->kind, "ECDSA", 6);
    else if (memmem(line.ptr, line.len, "RSA", 3) != NULL)
        memcpy(t->kind, "RSA", 4);
    for (size_t at = 0; at + 47 <= line.len; at++) {
        if (at != 0 && (is_hex(line.ptr[at - 1]) || line.ptr[at - 1] == ':'))
            continue;
        size_t n = read_pairs(line, at, bytes, &open);
        if (n == 16 && t->has_half && !open) {
            memcpy(bytes + 16, bytes, 16);
            memcpy(bytes, t->half, 16);
            take_print(t, bytes, 32);
        } else if (n == 16 && open) {
            memcpy(t->half, bytes, 16);
            t->has_half = true;
            return;
        } else if (n == 20 || n == 32) {
            take_print(t, bytes, n);
        }
    }
    t->has_half = false;
}
