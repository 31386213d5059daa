/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys and their text, as an operator may hand them in. The first byte chooses the reader. */
#include <stdlib.h>

#include "base/text.h"
#include "crypto/der.h"
#include "crypto/keypair.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"
#include "fuzz/steady_random.h"
#include "server/clients.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

static void inside(struct span outer, struct span inner)
{
    need(inner.len == 0 || (inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len));
}

static void walk_der(struct span in, unsigned depth)
{
    struct span content;
    uint8_t tag;
    while (der_next(&in, &tag, &content) == STATUS_OK)
        if ((tag & 0x20) != 0 && depth < 30)
            walk_der(content, depth + 1);
}

static void try_texts(const struct x509_facts *facts)
{
    static char text[400];
    struct buf out = buf_over(text, sizeof text);
    x509_write_name(facts->subject, &out);
    x509_write_alternatives(facts->alternatives, &out);
    for (size_t i = 0; i < out.len; i++)
        need(text[i] >= ' ' && text[i] < 0x7f);
    if (x509_check_issuer(facts, facts) == STATUS_OK)
        need(span_equal(facts->issuer, facts->subject));
}

static void try_certificate(struct span der)
{
    struct x509_facts facts;
    char text[SHA256_THUMBPRINT_TEXT + 2];
    if (x509_read(der, &facts) == STATUS_OK) {
        inside(der, facts.subject);
        inside(der, facts.subject_name);
        inside(der, facts.public_key);
        inside(der, facts.issuer);
        inside(der, facts.alternatives);
        inside(der, facts.body);
        inside(der, facts.algorithm);
        inside(der, facts.signature);
        try_texts(&facts);
        need(facts.subject.len >= 2 && facts.public_key.len >= 2);
    }
    x509_thumbprint_sha256(der, text);
    need(strlen(text) == SHA256_THUMBPRINT_TEXT - 1);
}

static void try_client(struct span der)
{
    static struct clients clients;
    static struct scopes scopes;
    static char shown[16384];
    memset(&clients, 0, sizeof clients);
    memset(&scopes, 0, sizeof scopes);
    clients_init(&clients, &scopes);
    if (clients_add(&clients, span_of_text("client"), der) != STATUS_OK)
        return;
    uint8_t sha[SHA256_BYTES];
    sha256(der, sha);
    need(clients_find(&clients, sha) >= 0);
    need(clients_count(&clients) == 1);
    need(clients_add(&clients, span_of_text("client"), der) == STATUS_REFUSED);
    for (size_t i = 0; i < 1000; i++) {
        struct buf out = buf_over(shown, sizeof shown);
        if (!clients_write_entry(&clients, i, &out))
            break;
    }
    need(clients_remove(&clients, span_of_text("client")) == STATUS_OK);
    need(clients_find(&clients, sha) < 0);
}

static void try_key(struct span der)
{
    static uint8_t room[4096];
    struct keypair *key = malloc(sizeof *key);
    if (keypair_read_der(der, key) == STATUS_OK) {
        struct buf out = buf_over(room, sizeof room);
        if (keypair_write_public(key, &out) == STATUS_OK)
            need(!out.full && out.len != 0);
        out = buf_over(room, sizeof room);
        if (keypair_write_der(key, &out) == STATUS_OK)
            need(!out.full && out.len != 0);
    } else {
        need(key->kind == KEYPAIR_NONE);
    }
    free(key);
}

static void try_pem(struct span text)
{
    uint8_t out[600];
    size_t len;
    struct span rest = text, label;
    for (int i = 0; i < 20; i++) {
        enum status status = pem_next(&rest, &label, out, sizeof out, &len);
        if (status != STATUS_OK)
            return;
        inside(text, label);
        inside(text, rest);
        need(len <= sizeof out);
        try_certificate(span_of(out, len));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 1 || len > 8192)
        return 0;
    steady_random_begin();
    uint8_t *copy = malloc(len);
    memcpy(copy, data + 1, len - 1);
    struct span in = span_of(copy, len - 1);
    switch (data[0] % 5) {
    case 0:
        try_certificate(in);
        walk_der(in, 0);
        break;
    case 1:
        try_client(in);
        break;
    case 2:
        try_key(in);
        break;
    case 3:
        try_pem(in);
        break;
    default: {
        uint8_t out[100];
        size_t n;
        if (base64_read(in, out, sizeof out, &n) == STATUS_OK)
            need(n <= sizeof out);
        need(!utf8_valid(in) || memchr(in.ptr, 0, in.len) == NULL || in.len == 0);
    }
    }
    free(copy);
    return 0;
}
