/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_trust.h"

/* Days from year 0 to 1970 in BearSSL's count. */
#define DAYS_TO_1970 719528u

static struct trust *trust_of(const br_x509_class **context)
{
    return (struct trust *)(void *)context;
}

static void start_chain(const br_x509_class **context, const char *server_name)
{
    struct trust *t = trust_of(context);
    (void)server_name;
    trust_release(t);
    t->certificates = 0;
    t->client = t->authority = -1;
    size_t count = 0;
    for (size_t i = 0; i < AUTHORITIES_MAX; i++)
        count += t->shared->clients->authorities[i].in_use;
    for (size_t i = 0; count != 0 && t->chain == NULL && i < TRUST_CHAINS; i++)
        if (!t->shared->chains[i].in_use)
            t->chain = &t->shared->chains[i];
    if (t->chain != NULL)
        t->chain->in_use = true;
}

static void drop_kept(struct trust *t)
{
    if (t->kept != NULL)
        t->kept->in_use = false;
    t->kept = NULL;
    t->kept_len = 0;
}

/* Where chains are validated, half of the places are theirs. */
static void begin_keeping(struct trust *t, uint32_t length)
{
    struct trust_chain *place = NULL;
    size_t free = 0, needed = 1;
    for (size_t i = 0; i < AUTHORITIES_MAX; i++)
        if (t->shared->clients->authorities[i].in_use)
            needed = TRUST_CHAINS / 2;
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        if (!t->shared->chains[i].in_use) {
            place = &t->shared->chains[i];
            free++;
        }
    if (free < needed || length == 0 || length > CERTIFICATE_MAX)
        return;
    place->in_use = true;
    t->kept = place;
    t->kept_len = 0;
}

static void keep(struct trust *t, const unsigned char *bytes, size_t len)
{
    if (t->kept == NULL)
        return;
    if (len > CERTIFICATE_MAX - (size_t)t->kept_len) {
        drop_kept(t);
        return;
    }
    memcpy(t->kept->der + t->kept_len, bytes, len);
    t->kept_len = (uint16_t)(t->kept_len + len);
}

/* Validation against one authority at a time; clients of authorities are few, and their authorities fewer. */
static void start_minimal(struct trust *t, const struct authority *authority)
{
    br_x509_minimal_context *m = &t->chain->minimal;
    br_x509_minimal_init(m, &br_sha256_vtable, &authority->anchor, 1);
    br_x509_minimal_set_rsa(m, br_rsa_pkcs1_vrfy_get_default());
    br_x509_minimal_set_ecdsa(m, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
    br_x509_minimal_set_hash(m, br_sha256_ID, &br_sha256_vtable);
    br_x509_minimal_set_hash(m, br_sha384_ID, &br_sha384_vtable);
    br_x509_minimal_set_hash(m, br_sha512_ID, &br_sha512_vtable);
    br_x509_minimal_set_minrsa(m, 2048 / 8);
    br_x509_minimal_set_time(m, DAYS_TO_1970 + (uint32_t)(t->shared->now_s / 86400),
                             (uint32_t)(t->shared->now_s % 86400));
    m->vtable->start_chain(&m->vtable, NULL);
}

static void start_cert(const br_x509_class **context, uint32_t length)
{
    struct trust *t = trust_of(context);
    if (t->certificates == 0) {
        br_sha256_init(&t->hash);
        begin_keeping(t, length);
        for (int i = 0; t->chain != NULL && i < AUTHORITIES_MAX && t->authority < 0; i++)
            if (t->shared->clients->authorities[i].in_use) {
                t->authority = i;
                start_minimal(t, &t->shared->clients->authorities[i]);
            }
    }
    if (t->chain != NULL && t->authority >= 0)
        t->chain->minimal.vtable->start_cert(&t->chain->minimal.vtable, length);
}

static void append(const br_x509_class **context, const unsigned char *bytes, size_t len)
{
    struct trust *t = trust_of(context);
    if (t->certificates == 0) {
        br_sha256_update(&t->hash, bytes, len);
        keep(t, bytes, len);
    }
    if (t->chain != NULL && t->authority >= 0)
        t->chain->minimal.vtable->append(&t->chain->minimal.vtable, bytes, len);
}

static void end_cert(const br_x509_class **context)
{
    struct trust *t = trust_of(context);
    if (t->certificates == 0) {
        br_sha256_out(&t->hash, t->fingerprint);
        t->has_fingerprint = true;
        t->client = clients_find(t->shared->clients, t->fingerprint);
        if (t->client >= 0) {
            t->client_serial = t->shared->clients->clients[t->client].serial;
            drop_kept(t);
        }
    }
    if (t->chain != NULL && t->authority >= 0)
        t->chain->minimal.vtable->end_cert(&t->chain->minimal.vtable);
    t->certificates++;
}

static unsigned end_chain(const br_x509_class **context)
{
    struct trust *t = trust_of(context);
    if (t->certificates == 0)
        return BR_ERR_X509_EMPTY_CHAIN;
    if (t->client >= 0) {
        const struct client *c = trust_client(t);
        if (c == NULL)
            return BR_ERR_X509_NOT_TRUSTED;
        bool expired = c->not_after_s < t->shared->now_s;
        return expired && t->shared->refuse_expired ? BR_ERR_X509_EXPIRED : 0;
    }
    if (t->chain == NULL || t->authority < 0)
        return BR_ERR_X509_NOT_TRUSTED;
    return t->chain->minimal.vtable->end_chain(&t->chain->minimal.vtable);
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *context, unsigned *usages)
{
    const struct trust *t = (const struct trust *)(const void *)context;
    if (usages != NULL)
        *usages = BR_KEYTYPE_SIGN;
    if (t->client >= 0)
        return &t->shared->clients->clients[t->client].public_key.key;
    if (t->chain == NULL)
        return NULL;
    return t->chain->minimal.vtable->get_pkey((const br_x509_class *const *)&t->chain->minimal.vtable, NULL);
}

struct client *trust_client(const struct trust *t)
{
    if (t->client < 0)
        return NULL;
    struct client *c = &t->shared->clients->clients[t->client];
    return c->in_use && !c->disabled && c->serial == t->client_serial ? c : NULL;
}

struct span trust_unknown(const struct trust *t)
{
    return t->kept != NULL && t->client < 0 && t->certificates != 0 ? span_of(t->kept->der, t->kept_len)
                                                                    : span_of(NULL, 0);
}

void trust_init(struct trust *t, struct trust_shared *shared)
{
    static const br_x509_class class = {.context_size = sizeof(struct trust),
                                        .start_chain = start_chain,
                                        .start_cert = start_cert,
                                        .append = append,
                                        .end_cert = end_cert,
                                        .end_chain = end_chain,
                                        .get_pkey = get_pkey};
    *t = (struct trust){.vtable = &class, .shared = shared, .client = -1, .authority = -1};
}

void trust_release(struct trust *t)
{
    if (t->chain != NULL)
        t->chain->in_use = false;
    t->chain = NULL;
    drop_kept(t);
}
