/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dns_message.h"

enum { HEADER = 12, TYPE_CNAME = 5, CLASS_IN = 1 };
#define RECORDS_MAX 64 /* of one answer; 512 bytes hold about 40 */
#define JUMPS_MAX   16

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* A name as labels; 0 when it is none. */
static size_t write_name(const char *name, uint8_t *out, size_t cap)
{
    size_t at = 0, total = strlen(name);
    if (total == 0 || total > DNS_NAME_MAX || total + 2 > cap)
        return 0;
    while (*name != 0) {
        size_t label = strcspn(name, ".");
        if (label == 0 || label > 63)
            return 0;
        out[at++] = (uint8_t)label;
        memcpy(out + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    out[at++] = 0;
    return at;
}

size_t dns_write(uint16_t id, const char *name, enum dns_type type, uint8_t out[DNS_MESSAGE_MAX])
{
    memset(out, 0, HEADER);
    put16(out, id);
    out[2] = 1; /* recursion desired */
    put16(out + 4, 1);
    size_t len = write_name(name, out + HEADER, DNS_MESSAGE_MAX - HEADER - 4);
    if (len == 0)
        return 0;
    put16(out + HEADER + len, type);
    put16(out + HEADER + len + 2, CLASS_IN);
    return HEADER + len + 4;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/*
 * The name at *at as labels without pointers, in small letters. *at moves behind it. A pointer only leads
 * back (RFC 1035 s4.1.4), so there is an end.
 */
static bool read_name(struct span m, size_t *at, uint8_t out[256], size_t *len)
{
    size_t from = *at, limit = m.len;
    bool jumped = false;
    *len = 0;
    for (int jumps = 0; jumps <= JUMPS_MAX;) {
        if (from >= limit)
            return false;
        uint8_t label = m.ptr[from];
        if (label >= 0xc0) {
            if (from + 1 >= limit)
                return false;
            size_t to = get16(m.ptr + from) & 0x3fff;
            if (to >= from || to < HEADER)
                return false;
            if (!jumped)
                *at = from + 2;
            jumped = true;
            jumps++;
            from = to;
            continue;
        }
        if (label > 63 || label + 1u > limit - from || *len + label + 1u > 255)
            return false;
        for (size_t i = 0; i <= label; i++)
            out[(*len)++] = i == 0 ? label : lower(m.ptr[from + i]);
        from += label + 1u;
        if (label == 0) {
            if (!jumped)
                *at = from;
            return true;
        }
    }
    return false;
}

struct record {
    uint8_t name[256];
    size_t name_len;
    unsigned type, class;
    size_t data_at;
    size_t data_len;
};

static bool read_record(struct span m, size_t *at, struct record *r)
{
    if (!read_name(m, at, r->name, &r->name_len) || m.len - *at < 10)
        return false;
    r->type = get16(m.ptr + *at);
    r->class = get16(m.ptr + *at + 2);
    r->data_len = get16(m.ptr + *at + 8);
    r->data_at = *at + 10;
    if (r->data_len > m.len - r->data_at)
        return false;
    *at = r->data_at + r->data_len;
    return true;
}

/* The question comes back as it was asked, in any case of letters. */
static bool is_question(struct span m, size_t *at, const char *name, enum dns_type type, uint8_t wanted[256],
                        size_t *wanted_len)
{
    uint8_t asked[256], plain[DNS_NAME_MAX + 2];
    size_t asked_len, len = write_name(name, plain, sizeof plain);
    for (size_t i = 0; i < len; i++)
        wanted[i] = lower(plain[i]);
    *wanted_len = len;
    if (len == 0 || !read_name(m, at, asked, &asked_len) || m.len - *at < 4)
        return false;
    bool same = asked_len == len && memcmp(asked, wanted, len) == 0 && get16(m.ptr + *at) == type &&
                get16(m.ptr + *at + 2) == CLASS_IN;
    *at += 4;
    return same;
}

enum status dns_read(struct span m, uint16_t id, const char *name, enum dns_type type,
                     struct ip out[DNS_ADDRESSES], size_t *count)
{
    uint8_t wanted[256];
    size_t wanted_len, at = HEADER, bytes = type == DNS_A ? 4 : 16;
    struct record r;
    *count = 0;
    if (m.len < HEADER || get16(m.ptr) != id || (m.ptr[2] & 0xf8) != 0x80 || get16(m.ptr + 4) != 1 ||
        !is_question(m, &at, name, type, wanted, &wanted_len))
        return STATUS_END;
    unsigned code = m.ptr[3] & 15u, answers = get16(m.ptr + 6);
    if (code != 0)
        return code == 3 ? STATUS_NOT_FOUND : STATUS_REFUSED;
    if ((m.ptr[2] & 2) != 0)
        return STATUS_TOO_LARGE;
    for (unsigned i = 0; i < answers && i < RECORDS_MAX; i++) {
        if (!read_record(m, &at, &r))
            return STATUS_MALFORMED;
        if (r.class != CLASS_IN || r.name_len != wanted_len || memcmp(r.name, wanted, wanted_len) != 0)
            continue;
        size_t alias_at = r.data_at;
        if (r.type == TYPE_CNAME) {
            if (!read_name(m, &alias_at, wanted, &wanted_len) || alias_at != r.data_at + r.data_len)
                return STATUS_MALFORMED;
        } else if (r.type == (unsigned)type) {
            if (r.data_len != bytes)
                return STATUS_MALFORMED;
            struct ip ip = {.len = (uint8_t)bytes};
            memcpy(ip.bytes, m.ptr + r.data_at, bytes);
            if (ip_is_host(&ip) && *count < DNS_ADDRESSES)
                out[(*count)++] = ip;
        }
    }
    return *count == 0 ? STATUS_NOT_FOUND : STATUS_OK;
}
