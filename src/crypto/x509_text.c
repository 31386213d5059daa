/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_text.h"

#include <arpa/inet.h>

#include "crypto/der.h"

#define DNS_NAME   0x82
#define IP_ADDRESS 0x87

/* RFC 4514 s3, and what vCenter puts beside it. */
static const char *short_name(struct span oid)
{
    static const struct {
        const char *oid;
        size_t len;
        const char *name;
    } known[] = {{"\x55\x04\x03", 3, "CN"},
                 {"\x55\x04\x06", 3, "C"},
                 {"\x55\x04\x07", 3, "L"},
                 {"\x55\x04\x08", 3, "ST"},
                 {"\x55\x04\x0a", 3, "O"},
                 {"\x55\x04\x0b", 3, "OU"},
                 {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC"},
                 {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9, "emailAddress"}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (span_equal(oid, span_of(known[i].oid, known[i].len)))
            return known[i].name;
    return NULL;
}

static bool take(struct span *in, uint8_t wanted, struct span *content)
{
    uint8_t tag;
    return der_next(in, &tag, content) == STATUS_OK && tag == wanted;
}

void x509_write_name(struct span name, struct buf *out)
{
    struct span sets, set, pair, oid, value;
    uint8_t tag;
    bool first = true;
    if (!take(&name, DER_SEQUENCE, &sets))
        return;
    while (take(&sets, DER_SET, &set))
        while (take(&set, DER_SEQUENCE, &pair)) {
            if (!take(&pair, DER_OID, &oid) || der_next(&pair, &tag, &value) != STATUS_OK ||
                short_name(oid) == NULL)
                continue;
            buf_print(out, "%s%s=", first ? "" : ", ", short_name(oid));
            buf_add_printable(out, value);
            first = false;
        }
}

void x509_write_alternatives(struct span names, struct buf *out)
{
    struct span value;
    uint8_t tag;
    bool first = true;
    while (der_next(&names, &tag, &value) == STATUS_OK) {
        char text[INET6_ADDRSTRLEN] = "";
        if (tag == IP_ADDRESS && (value.len == 4 || value.len == 16))
            inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.ptr, text, sizeof text);
        else if (tag != DNS_NAME)
            continue;
        buf_add_text(out, first ? "" : ", ");
        buf_add_printable(out, tag == DNS_NAME ? value : span_of_text(text));
        first = false;
    }
}
