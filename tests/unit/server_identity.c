/* SPDX-License-Identifier: Apache-2.0 */
/* The server's own keys and certificates: made once, loaded again, never replaced by mistake. */
#include "support/check.h"

#include <errno.h>

#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "server/identity.h"
#include "support/openssl.h"
#include "support/server_peer.h"
#include "support/sim_disk.h"

static const char *const files[] = {"server-rsa.key", "server-rsa.pem", "server-ec.key", "server-ec.pem"};

static struct server *s;
static struct sim_disk *sim;
static uint8_t kept[4][8192]; /* a whole set, made once */
static size_t kept_len[4];
static char why[300];

static int begin(void **state)
{
    (void)state;
    s = calloc(1, sizeof *s);
    sim = sim_disk_new();
    s->ops = sim_disk_ops(sim);
    s->now.unix_s = PEER_NOW;
    s->log.fd = -1;
    config_defaults(&s->config);
    for (int i = 0; i < 4; i++)
        if (kept_len[i] != 0)
            sim_disk_put_file(sim, files[i], kept[i], kept_len[i]);
    return 0;
}

static int end(void **state)
{
    (void)state;
    sim_disk_free(sim);
    free(s);
    return 0;
}

static bool file_is(int i, const uint8_t *bytes, size_t len)
{
    size_t have = 0;
    const uint8_t *file = sim_disk_file(sim, files[i], &have);
    return file != NULL && have == len && memcmp(file, bytes, len) == 0;
}

static void check_untouched(int but)
{
    for (int i = 0; i < 4; i++)
        if (i != but)
            assert_true(file_is(i, kept[i], kept_len[i]));
}

static void made_at_the_first_start(void **state)
{
    (void)state;
    struct x509_facts facts;
    strcpy(s->config.server_name, "kms.example");
    strcpy(s->config.listen, "192.0.2.7:5696");
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_true(s->tls.rsa.in_use && s->tls.ec.in_use);
    assert_int_equal(s->tls.rsa.key.kind, KEYPAIR_RSA);
    assert_int_equal(s->tls.ec.key.kind, KEYPAIR_EC);
    for (int i = 0; i < 4; i++) {
        const uint8_t *file = sim_disk_file(sim, files[i], &kept_len[i]);
        assert_non_null(file);
        assert_true(kept_len[i] < sizeof kept[i]);
        memcpy(kept[i], file, kept_len[i]);
        openssl_put(files[i], span_of(file, kept_len[i]));
    }
    for (int i = 0; i < 2; i++) {
        const struct tls_identity *id = i == 0 ? &s->tls.rsa : &s->tls.ec;
        struct span der = tls_certificate_der(tls_current(id), 0);
        assert_int_equal(x509_read(der, &facts), STATUS_OK);
        check_text(facts.subject_name, "kms.example");
        assert_int_equal(facts.not_after_s, PEER_NOW + 3650ll * 86400);
        assert_int_equal(facts.not_before_s, PEER_NOW - 86400);
    }
    assert_null(sim_disk_file(sim, "server.tmp", &(size_t){0}));
    openssl("pkey -in server-rsa.key -check -noout");
    openssl("pkey -in server-ec.key -check -noout");
    openssl("x509 -in server-rsa.pem -noout -checkhost kms.example -checkip 192.0.2.7");
    const char *said = openssl("x509 -in server-ec.pem -noout -text");
    static const char *parts[] = {"DNS:kms.example", "DNS:localhost", "IP Address:192.0.2.7",
                                  "IP Address:127.0.0.1"};
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        assert_non_null(strstr(said, parts[i]));
}

static void loaded_again_as_they_are(void **state)
{
    (void)state;
    struct buf pem, mine;
    static char text[8192], public[800];
    for (int round = 0; round < 2; round++) {
        assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
        check_untouched(-1);
    }
    pem = buf_over(text, sizeof text);
    pem_write(&pem, "CERTIFICATE", tls_certificate_der(tls_current(&s->tls.rsa), 0));
    assert_true(file_is(1, pem.ptr, pem.len));
    mine = buf_over(public, sizeof public);
    assert_int_equal(keypair_write_public(&s->tls.ec.key, &mine), STATUS_OK);
    assert_true(s->tls.ec.in_use);
}

/* A power cut between the certificate and its key: both are made anew. */
static void a_certificate_without_key_is_made_anew(void **state)
{
    (void)state;
    assert_true(sim_disk_remove_file(sim, "server-ec.key"));
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_false(file_is(3, kept[3], kept_len[3]));
    assert_true(file_is(0, kept[0], kept_len[0]) && file_is(1, kept[1], kept_len[1]));
    assert_non_null(sim_disk_file(sim, "server-ec.key", &(size_t){0}));
}

static void a_key_without_certificate_is_an_error(void **state)
{
    (void)state;
    assert_true(sim_disk_remove_file(sim, "server-rsa.pem"));
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_string_equal(why, "server-rsa.pem is not the certificate of server-rsa.key");
    assert_false(s->tls.rsa.in_use);
    check_untouched(1);
}

static void the_certificate_is_that_of_the_key(void **state)
{
    (void)state;
    sim_disk_put_file(sim, files[1], kept[3], kept_len[3]);
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_string_equal(why, "server-rsa.pem is not the certificate of server-rsa.key");
    check_untouched(1);
    end(NULL);
    begin(NULL);
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout o.key -out o.pem -days 9 "
            "-subj /CN=other");
    static uint8_t other[8192];
    size_t len = openssl_get("o.pem", other, sizeof other);
    sim_disk_put_file(sim, files[3], other, len);
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_string_equal(why, "server-ec.pem is not the certificate of server-ec.key");
    assert_true(s->tls.rsa.in_use);
    assert_false(s->tls.ec.in_use);
    check_untouched(3);
}

/* What an operator brings: a key and a certificate that openssl has made. */
static void an_operators_own(void **state)
{
    (void)state;
    static uint8_t text[8192];
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout own.key -out own.pem "
            "-days 9 -subj /CN=own");
    sim_disk_put_file(sim, files[2], text, openssl_get("own.key", text, sizeof text));
    sim_disk_put_file(sim, files[3], text, openssl_get("own.pem", text, sizeof text));
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_int_equal(s->tls.ec.key.ec.curve, BR_EC_secp384r1);
}

/* Sealed at the first start, and only the same state key opens them. */
static void sealed_under_a_state_key(void **state)
{
    (void)state;
    static const char *const keys[] = {"server-rsa.key", "server-ec.key"};
    for (int i = 0; i < 4; i++)
        sim_disk_remove_file(sim, files[i]);
    s->vault = (struct vault){.sealed = true, .key = {1}};
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        size_t len;
        const uint8_t *file = sim_disk_file(sim, keys[i], &len);
        assert_memory_equal(file, VAULT_MAGIC, 8);
        assert_null(memmem(file, len, "PRIVATE", 7));
    }
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    s->vault.key[0] = 2;
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_string_equal(why, "server-rsa.key is sealed under another state key");
    s->vault = (struct vault){.sealed = false};
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_string_equal(why, "server-rsa.key is sealed, and there is no state key");
    s->vault = (struct vault){.sealed = true, .key = {1}};
    sim_disk_put_file(sim, files[2], kept[2], kept_len[2]);
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
    assert_non_null(strstr(why, "server-ec.key is not sealed, though there is a state key"));
}

/* What was prepared before a restart is there after it; what does not fit is left alone and said. */
static void a_prepared_certificate_is_found_again(void **state)
{
    (void)state;
    struct buf made;
    static uint8_t der[CERTIFICATE_MAX];
    static char text[16384];
    struct tls_certificate next = {.count = 0};
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_false(s->tls.rsa.prepared);
    made = buf_over(der, sizeof der);
    assert_int_equal(identity_self_sign(s, &s->tls.rsa.key, &made), STATUS_OK);
    assert_true(identity_append(&next, buf_span(&made)));
    for (int round = 0; round < 2; round++) {
        struct buf pem = buf_over(text, sizeof text);
        identity_write_certificate(&next, &pem);
        sim_disk_put_file(sim, "server-rsa.next.pem", pem.ptr, pem.len);
        assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
        assert_true(s->tls.rsa.prepared);
        assert_int_equal(s->tls.rsa.certificates[1].count, 1 + round);
        /* The server's own, and one behind it. */
        assert_int_equal(identity_append(&next, tls_certificate_der(tls_current(&s->tls.ec), 0)), true);
    }
    sim_disk_put_file(sim, "server-rsa.next.pem", kept[1], kept_len[1]); /* in force already */
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_false(s->tls.rsa.prepared);
    sim_disk_put_file(sim, "server-rsa.next.pem", kept[3], kept_len[3]); /* of the other key */
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
    assert_false(s->tls.rsa.prepared);
    check_untouched(-1);
}

static void a_chain_has_its_bounds(void **state)
{
    (void)state;
    static uint8_t bytes[CERTIFICATE_MAX + 1];
    struct tls_certificate c = {.count = 0};
    assert_false(identity_append(&c, span_of(bytes, 0)));
    assert_false(identity_append(&c, span_of(bytes, CERTIFICATE_MAX + 1)));
    assert_true(identity_append(&c, span_of(bytes, CERTIFICATE_MAX)));
    assert_false(identity_append(&c, span_of(bytes, TLS_CHAIN_BYTES - CERTIFICATE_MAX + 1)));
    assert_true(identity_append(&c, span_of(bytes, TLS_CHAIN_BYTES - CERTIFICATE_MAX - 1)));
    assert_true(identity_append(&c, span_of(bytes, 1)));
    assert_int_equal(c.count, TLS_CHAIN);
    c.chain[2].data_len = 0;
    assert_false(identity_append(&c, span_of(bytes, 1)));
    /* Whatever a chain holds, its file is written by the disk process in one part. */
    static char text[DISK_BYTES_MAX];
    struct buf pem = buf_over(text, sizeof text);
    c.chain[2].data_len = 1;
    identity_write_certificate(&c, &pem);
    assert_false(pem.full);
}

static void garbage_is_told_and_left_alone(void **state)
{
    (void)state;
    static const char *garbage[] = {"", "garbage", "-----BEGIN PRIVATE KEY-----\n",
                                    "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"};
    for (int i = 0; i < 4; i++)
        for (size_t k = 0; k < COUNT_OF(garbage) + 1; k++) {
            size_t len = k == COUNT_OF(garbage) ? kept_len[i] / 2 : strlen(garbage[k]);
            const void *bytes = k == COUNT_OF(garbage) ? (const void *)kept[i] : garbage[k];
            sim_disk_put_file(sim, files[i], bytes, len);
            assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
            assert_memory_equal(why, files[i], strlen(files[i]));
            assert_true(file_is(i, bytes, len));
            check_untouched(i);
            sim_disk_put_file(sim, files[i], kept[i], kept_len[i]);
        }
}

/* A disk that cannot be read now is no reason for new keys: clients pin the old ones. */
static void trouble_is_not_absence(void **state)
{
    (void)state;
    static const unsigned calls[] = {SIM_OPEN, SIM_READ};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(sim, calls[i], EIO, 0, 1);
        assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
        assert_non_null(strstr(why, "server-rsa.key"));
        check_untouched(-1);
        sim_disk_fail(sim, 0, 0, 0, 0);
    }
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    static const unsigned calls[] = {SIM_WRITE, SIM_FLUSH, SIM_RENAME, SIM_TRUNCATE, SIM_FLUSH_FOLDER};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_remove_file(sim, files[2]);
        sim_disk_remove_file(sim, files[3]);
        sim_disk_fail(sim, calls[i], ENOSPC, 0, 0);
        assert_int_equal(identity_load(s, why, sizeof why), STATUS_FAILED);
        assert_string_equal(why, "server-ec.key and server-ec.pem cannot be made in the state folder");
        assert_null(sim_disk_file(sim, files[2], &(size_t){0}));
        sim_disk_fail(sim, 0, 0, 0, 0);
    }
    assert_int_equal(identity_load(s, why, sizeof why), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_at_the_first_start, begin, end), /* the others begin with it */
        cmocka_unit_test_setup_teardown(loaded_again_as_they_are, begin, end),
        cmocka_unit_test_setup_teardown(a_certificate_without_key_is_made_anew, begin, end),
        cmocka_unit_test_setup_teardown(a_key_without_certificate_is_an_error, begin, end),
        cmocka_unit_test_setup_teardown(the_certificate_is_that_of_the_key, begin, end),
        cmocka_unit_test_setup_teardown(an_operators_own, begin, end),
        cmocka_unit_test_setup_teardown(sealed_under_a_state_key, begin, end),
        cmocka_unit_test_setup_teardown(a_prepared_certificate_is_found_again, begin, end),
        cmocka_unit_test(a_chain_has_its_bounds),
        cmocka_unit_test_setup_teardown(garbage_is_told_and_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(trouble_is_not_absence, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, begin, end),
    };
    return cmocka_run_group_tests_name("server/identity", tests, openssl_begin, openssl_end);
}
