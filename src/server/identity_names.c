/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity_names.h"

#include <arpa/inet.h>
#include <stdio.h>

/* RFC 1035 s2.3.4 */
#define HOST_NAME_MAX_BYTES 253

static bool fail(char *why, size_t cap, const char *what, struct span name)
{
    struct buf out = buf_over(why, cap);
    buf_add_text(&out, what);
    buf_add_printable(&out, span_of(name.ptr, name.len < 100 ? name.len : 100));
    return false;
}

/* Bytes of an IPv4 or IPv6 address; 0: it is none. */
static size_t read_address(struct span text, uint8_t out[16])
{
    char plain[INET6_ADDRSTRLEN];
    if (text.len >= sizeof plain || text.len == 0)
        return 0;
    memcpy(plain, text.ptr, text.len);
    plain[text.len] = 0;
    if (inet_pton(AF_INET, plain, out) == 1)
        return 4;
    return inet_pton(AF_INET6, plain, out) == 1 ? 16 : 0;
}

/* Once; every address of the machine (0.0.0.0, ::) is none that a client could use. */
static bool add_address(struct identity_names *n, const uint8_t bytes[16], size_t len)
{
    static const uint8_t any[16];
    struct span address = span_of(bytes, len);
    if (memcmp(bytes, any, len) == 0)
        return true;
    for (size_t i = 0; i < n->wish.address_count; i++)
        if (span_equal(n->addresses[i], address))
            return true;
    if (n->wish.address_count == IDENTITY_ADDRESSES)
        return false;
    uint8_t *room = n->address_room[n->wish.address_count];
    memcpy(room, bytes, len);
    n->addresses[n->wish.address_count++] = span_of(room, len);
    return true;
}

static bool is_host_name(struct span name)
{
    if (name.len == 0 || name.len > HOST_NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
              c == '-' || c == '_' || (c == '*' && i == 0)))
            return false;
    }
    return true;
}

bool identity_names_add(struct identity_names *n, struct span name, char *why, size_t cap)
{
    uint8_t bytes[16];
    size_t len = read_address(name, bytes);
    if (len != 0)
        return add_address(n, bytes, len) ||
               fail(why, cap, "a certificate names at most 16 addresses; ", name);
    if (!is_host_name(name))
        return fail(why, cap, "neither a host name nor an address: ", name);
    for (size_t i = 0; i < n->dns_count; i++)
        if (span_equal(name, span_of_text(n->dns[i])))
            return true;
    if (n->dns_count == IDENTITY_NAMES || name.len >= sizeof n->text - n->text_len)
        return fail(why, cap, "a certificate names at most 12 hosts; ", name);
    char *text = n->text + n->text_len;
    memcpy(text, name.ptr, name.len);
    text[name.len] = 0;
    n->text_len += name.len + 1;
    n->dns[n->dns_count++] = text;
    n->dns[n->dns_count] = NULL;
    return true;
}

/* ADDRESS:PORT, [ADDRESS]:PORT */
static void add_listen(struct identity_names *n, const char *listen)
{
    uint8_t bytes[16];
    const char *colon = strrchr(listen, ':');
    struct span host = span_of(listen, colon == NULL ? strlen(listen) : (size_t)(colon - listen));
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = span_of(host.ptr + 1, host.len - 2);
    size_t len = read_address(host, bytes);
    if (len != 0)
        (void)add_address(n, bytes, len); /* the first: there is room */
}

bool identity_names_begin(struct identity_names *n, const struct config *config, char *why, size_t cap)
{
    static const uint8_t loopback[16] = {127, 0, 0, 1};
    *n = (struct identity_names){.wish = {.common_name = config->server_name}};
    n->wish.dns_names = n->dns;
    n->wish.addresses = n->addresses;
    n->dns[n->dns_count++] = config->server_name;
    if (!identity_names_add(n, span_of_text("localhost"), why, cap))
        return false;
    add_listen(n, config->listen);
    (void)add_address(n, loopback, 4);
    const char *rest = config->server_addresses;
    for (rest += strspn(rest, " "); *rest != 0; rest += strspn(rest, " ")) {
        uint8_t bytes[16];
        struct span word = span_of(rest, strcspn(rest, " "));
        size_t len = read_address(word, bytes);
        if (len == 0)
            return fail(why, cap, "server addresses: not an IPv4 or IPv6 address: ", word);
        if (!add_address(n, bytes, len))
            return fail(why, cap, "server addresses: a certificate names at most 16; ", word);
        rest += word.len;
    }
    return true;
}
