/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate authorities: whose signatures are good, until when, and in which order chains may come. */
#include "support/check.h"

#include "base/text.h"
#include "support/openssl.h"
#include "support/server_peer.h"

static struct scopes scopes;
static struct clients *clients;
static struct trust_shared shared;
static struct trust trust;
static uint8_t ca[4096], middle[4096], leaf[4096], deep[4096], foreign[4096];
static size_t ca_len, middle_len, leaf_len, deep_len, foreign_len;

/* A certificate for `name`, signed by `by`; an empty `by` signs itself. */
static size_t make(const char *name, const char *by, bool authority, uint8_t *out, size_t cap)
{
    char command[700], file[40], signer[100] = "";
    if (by[0] != 0)
        snprintf(signer, sizeof signer, "-CA %s.pem -CAkey %s.key", by, by);
    snprintf(
        command, sizeof command,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.pem -days 9 "
        "-subj /CN=%s %s -addext basicConstraints=critical,CA:%s",
        name, name, name, signer, authority ? "TRUE" : "FALSE");
    openssl(command);
    snprintf(command, sizeof command, "x509 -in %s.pem -outform DER -out %s.der", name, name);
    openssl(command);
    snprintf(file, sizeof file, "%s.der", name);
    return openssl_get(file, out, cap);
}

static int begin_group(void **state)
{
    int status = openssl_begin(state);
    ca_len = make("ca", "", true, ca, sizeof ca);
    middle_len = make("middle", "ca", true, middle, sizeof middle);
    leaf_len = make("leaf", "ca", false, leaf, sizeof leaf);
    deep_len = make("deep", "middle", false, deep, sizeof deep);
    make("other", "", true, foreign, sizeof foreign);
    foreign_len = make("foreign", "other", false, foreign, sizeof foreign);
    return status;
}

static int begin(void **state)
{
    static char line[8192];
    char why[200];
    struct buf base64 = buf_over(line, sizeof line);
    (void)state;
    memset(&scopes, 0, sizeof scopes);
    memset(&shared, 0, sizeof shared);
    clients = calloc(1, sizeof *clients);
    clients_init(clients, &scopes);
    base64_write(span_of(ca, ca_len), &base64);
    struct span words[4] = {span_of_text("authority"), span_of_text("ca"), span_of_text("certificate"),
                            buf_span(&base64)};
    assert_true(clients_set(clients, words, 4, why, sizeof why));
    shared.clients = clients;
    shared.now_s = clock_read().unix_s + 60;
    trust_init(&trust, &shared);
    return 0;
}

static int end(void **state)
{
    (void)state;
    trust_release(&trust);
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        assert_false(shared.chains[i].in_use);
    free(clients);
    return 0;
}

static unsigned validate(struct span first, struct span second)
{
    const br_x509_class **t = &trust.vtable;
    struct span chain[2] = {first, second};
    (*t)->start_chain(t, NULL);
    for (size_t i = 0; i < 2 && chain[i].len != 0; i++) {
        (*t)->start_cert(t, (uint32_t)chain[i].len);
        (*t)->append(t, chain[i].ptr, chain[i].len);
        (*t)->end_cert(t);
    }
    return (*t)->end_chain(t);
}

static const struct span none;

static void who_the_authority_has_signed(void **state)
{
    (void)state;
    const br_x509_class **t = &trust.vtable;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), 0);
    assert_int_equal(trust.client, -1);
    assert_int_equal(trust.authority, 0);
    assert_non_null((*t)->get_pkey(t, NULL));
    assert_int_equal(validate(span_of(deep, deep_len), span_of(middle, middle_len)), 0);
}

static void whom_it_has_not(void **state)
{
    (void)state;
    assert_true(validate(span_of(foreign, foreign_len), none) != 0);
    assert_true(validate(span_of(deep, deep_len), none) != 0); /* the one between is missing */
    assert_true(validate(span_of(foreign, foreign_len), span_of(leaf, leaf_len)) != 0);
    leaf[leaf_len - 5] ^= 1; /* the signature */
    assert_true(validate(span_of(leaf, leaf_len), none) != 0);
    leaf[leaf_len - 5] ^= 1;
    clients->authorities[0].in_use = false;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), BR_ERR_X509_NOT_TRUSTED);
}

/* Unlike enrolled certificates, these always end with their date. */
static void time_counts(void **state)
{
    (void)state;
    shared.now_s += 10 * 86400;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), BR_ERR_X509_EXPIRED);
    shared.now_s -= 11 * 86400;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), BR_ERR_X509_EXPIRED);
}

static void enrolment_comes_before_authority(void **state)
{
    (void)state;
    assert_int_equal(clients_add(clients, span_of_text("leaf"), span_of(leaf, leaf_len)), STATUS_OK);
    shared.now_s += 10 * 86400;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), 0);
    assert_int_equal(trust.client, 0);
}

/* Validations at once are few; who finds none is refused, and comes in when one is free. */
static void validations_are_scarce(void **state)
{
    (void)state;
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        shared.chains[i].in_use = true;
    assert_int_equal(validate(span_of(leaf, leaf_len), none), BR_ERR_X509_NOT_TRUSTED);
    memset(shared.chains, 0, sizeof shared.chains);
    assert_int_equal(validate(span_of(leaf, leaf_len), none), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_the_authority_has_signed, begin, end),
        cmocka_unit_test_setup_teardown(whom_it_has_not, begin, end),
        cmocka_unit_test_setup_teardown(time_counts, begin, end),
        cmocka_unit_test_setup_teardown(enrolment_comes_before_authority, begin, end),
        cmocka_unit_test_setup_teardown(validations_are_scarce, begin, end),
    };
    return cmocka_run_group_tests_name("server/tls_trust: authorities", tests, begin_group, openssl_end);
}
