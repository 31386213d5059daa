/* SPDX-License-Identifier: Apache-2.0 */
#include "server/client_authority.h"

#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/x509_write.h"
#include "server/identity.h"
#include "server/small_file.h"

#define DAY_S          86400
#define AUTHORITY_DAYS 7300
#define CLIENT_DAYS    1826
/* bytes; a subject without a name in it */
#define EMPTY_NAME 2
#define ISSUER_MAX 40

/* Every box has its own. */
static bool issuer_name(const struct keypair *key, char out[ISSUER_MAX])
{
    uint8_t public[600], hash[SHA256_BYTES];
    char print[10];
    struct buf mine = buf_over(public, sizeof public);
    if (keypair_write_public(key, &mine) != STATUS_OK)
        return false;
    sha256(buf_span(&mine), hash);
    hex_write(span_of(hash, 4), 0, false, print, sizeof print);
    snprintf(out, ISSUER_MAX, "Holdfast client authority %s", print);
    return true;
}

/* The certificate is for people; nothing here reads it again. */
static uint64_t send_certificate(struct server *s, const char **why)
{
    char name[ISSUER_MAX], text[3000];
    uint8_t der[1500];
    struct buf cert = buf_over(der, sizeof der), pem = buf_over(text, sizeof text);
    struct x509_wish wish = {.use = X509_AUTHORITY,
                             .common_name = name,
                             .not_before_s = s->now.unix_s - DAY_S,
                             .not_after_s = s->now.unix_s + (int64_t)AUTHORITY_DAYS * DAY_S};
    *why = "the authority's certificate cannot be made";
    if (!issuer_name(&s->client_authority, name) ||
        x509_write_certificate(&wish, &s->client_authority, &cert) != STATUS_OK)
        return 0;
    pem_write(&pem, "CERTIFICATE", buf_span(&cert));
    return small_file_replace(s, CLIENT_AUTHORITY_FILE, buf_span(&pem), why);
}

static uint64_t send_key(struct server *s, const char **why)
{
    char text[4096];
    struct buf pem = buf_over(text, sizeof text);
    uint64_t ticket = 0;
    *why = "the authority's key cannot be made";
    if (identity_write_key(&s->client_authority, &pem) == STATUS_OK)
        ticket = small_file_replace_secret(s, CLIENT_AUTHORITY_KEY, buf_span(&pem), why);
    wipe(text, sizeof text);
    return ticket;
}

void client_authority_forget(struct server *s)
{
    keypair_wipe(&s->client_authority);
}

bool client_authority_begin(struct server *s, uint64_t *ticket, const char **why)
{
    *ticket = 0;
    if (s->client_authority.kind != KEYPAIR_NONE)
        return true;
    *why = "the authority's key cannot be made";
    if (keypair_make_rsa2048(&s->client_authority) == STATUS_OK && send_certificate(s, why) != 0)
        *ticket = send_key(s, why); /* the key comes last: it alone says that there is an authority */
    if (*ticket == 0)
        client_authority_forget(s);
    return *ticket != 0;
}

enum status client_authority_sign(const struct server *s, const struct pkcs10 *request, const char *name,
                                  struct buf *out)
{
    char issuer[ISSUER_MAX];
    struct x509_wish wish = {.use = X509_CLIENT,
                             .common_name = name,
                             .issuer_name = issuer,
                             .public_key = request->public_key,
                             .not_before_s = s->now.unix_s - DAY_S,
                             .not_after_s = s->now.unix_s + (int64_t)CLIENT_DAYS * DAY_S};
    if (request->subject.len > EMPTY_NAME)
        wish.subject = request->subject;
    if (!issuer_name(&s->client_authority, issuer))
        return STATUS_FAILED;
    return x509_write_certificate(&wish, &s->client_authority, out);
}
