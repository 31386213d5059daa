/* SPDX-License-Identifier: Apache-2.0 */
/* Who may speak: the lines of the clients file, their limits, and back to lines. Passwords: server_users.c.
 */
#include "support/check.h"

#include "base/text.h"
#include "server/config.h"
#include "support/server_peer.h"

#define LINE (2 * CERTIFICATE_MAX)

static struct peer_identity identities[3];
static struct scopes scopes;
static struct clients *clients;
static char why[200];

static int begin_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(identities); i++)
        peer_identity_make(&identities[i], "client", 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    memset(&scopes, 0, sizeof scopes);
    clients = calloc(1, sizeof *clients);
    clients_init(clients, &scopes);
    why[0] = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(clients);
    return 0;
}

/* One line of the file, without its "set". */
static bool set(const char *line)
{
    struct span words[SETTING_WORDS];
    size_t count = config_words(span_of_text(line), words);
    assert_true(count <= SETTING_WORDS);
    why[0] = 0;
    return clients_set(clients, words, count, why, sizeof why);
}

static void check_refused(const char *line, const char *reason)
{
    assert_false(set(line));
    if (strstr(why, reason) == NULL)
        fail_msg("\"%s\" was refused with \"%s\", not with \"%s\"", line, why, reason);
}

static const char *certificate_line(const char *kind, const char *name, struct span der)
{
    static char line[LINE];
    struct buf out = buf_over(line, sizeof line);
    memset(line, 0, sizeof line);
    buf_print(&out, "%s %s certificate ", kind, name);
    base64_write(der, &out);
    assert_false(out.full);
    return line;
}

static bool set_certificate(const char *kind, const char *name, int which)
{
    return set(certificate_line(kind, name, peer_der(&identities[which])));
}

static enum status add(const char *name, int which)
{
    return clients_add(clients, span_of_text(name), peer_der(&identities[which]));
}

static void a_client_is_found_by_its_exact_bytes(void **state)
{
    (void)state;
    uint8_t near[SHA256_BYTES];
    assert_true(set_certificate("client", "vcenter-1", 0));
    assert_true(set_certificate("client", "vcenter-2", 1));
    assert_int_equal(clients_count(clients), 2);
    assert_int_equal(clients_find(clients, identities[0].sha256), 0);
    assert_int_equal(clients_find(clients, identities[1].sha256), 1);
    assert_int_equal(clients_find(clients, identities[2].sha256), -1);
    memcpy(near, identities[0].sha256, sizeof near);
    near[SHA256_BYTES - 1] ^= 1;
    assert_int_equal(clients_find(clients, near), -1);
    const struct client *c = &clients->clients[0];
    assert_string_equal(c->name, "vcenter-1");
    assert_int_equal(c->scope, SCOPE_DEFAULT);
    assert_int_equal(c->not_after_s, PEER_NOW + 365 * 86400);
    assert_true(span_equal(span_of(c->der, c->der_len), peer_der(&identities[0])));
}

/* The public key is kept beside the numbers it points to: the bytes it was read from may go. */
static void the_public_key_is_that_of_the_certificate(void **state)
{
    (void)state;
    uint8_t wanted[200];
    struct buf out = buf_over(wanted, sizeof wanted);
    uint8_t *copy = tight_copy(identities[0].der, identities[0].len);
    assert_int_equal(clients_add(clients, span_of_text("a"), span_of(copy, identities[0].len)), STATUS_OK);
    free(copy);
    assert_int_equal(keypair_write_public(&identities[0].key, &out), STATUS_OK);
    const br_x509_pkey *key = &clients->clients[0].public_key.key;
    assert_int_equal(key->key_type, BR_KEYTYPE_EC);
    assert_int_equal(key->key.ec.curve, BR_EC_secp256r1);
    assert_int_equal(key->key.ec.qlen, 65);
    assert_memory_equal(key->key.ec.q, wanted + out.len - 65, 65);
}

static void names_and_certificates_are_there_once(void **state)
{
    (void)state;
    assert_int_equal(add("a", 0), STATUS_OK);
    assert_int_equal(add("a", 1), STATUS_REFUSED);
    assert_int_equal(add("b", 0), STATUS_REFUSED);
    assert_false(set_certificate("client", "a", 1));
    assert_string_equal(why, "this name or this certificate is enrolled already");
    assert_int_equal(add("A", 1), STATUS_OK); /* another name */
    assert_int_equal(clients_count(clients), 2);
}

static void removing_makes_room_and_ends_the_serial(void **state)
{
    (void)state;
    assert_int_equal(add("a", 0), STATUS_OK);
    assert_true(set("client a scope hall"));
    uint32_t serial = clients->clients[0].serial;
    assert_int_equal(clients_remove(clients, span_of_text("b")), STATUS_NOT_FOUND);
    assert_int_equal(clients_remove(clients, span_of_text("a")), STATUS_OK);
    assert_int_equal(clients_remove(clients, span_of_text("a")), STATUS_NOT_FOUND);
    assert_int_equal(clients_find(clients, identities[0].sha256), -1);
    assert_int_equal(clients_count(clients), 0);
    assert_true(clients->clients[0].serial != serial);
    uint32_t gone = clients->clients[0].serial;
    clients->clients[0].requests = 7;
    assert_int_equal(add("a", 0), STATUS_OK);
    assert_true(clients->clients[0].serial != serial && clients->clients[0].serial != gone);
    assert_int_equal(clients->clients[0].requests, 0);
    assert_int_equal(clients->clients[0].scope, SCOPE_DEFAULT);
}

static void names_are_plain(void **state)
{
    (void)state;
    char longest[NAME_MAX_BYTES + 2];
    static const char *bad[] = {"", "a b", "a\"b", "a\nb", "a\x7f", "\xc3\xa4", "\t"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(add(bad[i], 0), STATUS_MALFORMED);
        struct span words[4] = {span_of_text("user"), span_of_text(bad[i]), span_of_text("scope"),
                                span_of_text("x")};
        assert_false(clients_set(clients, words, 4, why, sizeof why));
        words[0] = span_of_text("authority");
        assert_false(clients_set(clients, words, 4, why, sizeof why));
    }
    memset(longest, 'x', sizeof longest);
    longest[NAME_MAX_BYTES + 1] = 0;
    assert_int_equal(add(longest, 0), STATUS_MALFORMED);
    assert_false(set_certificate("authority", longest, 0));
    longest[NAME_MAX_BYTES] = 0;
    assert_int_equal(add(longest, 0), STATUS_OK);
    assert_string_equal(clients->clients[0].name, longest);
    assert_true(set_certificate("authority", longest, 0));
}

static void bad_certificates_are_refused(void **state)
{
    (void)state;
    uint8_t der[CERTIFICATE_MAX + 64] = {0};
    struct peer_identity *p = &identities[0];
    for (size_t len = 0; len < p->len; len += 1 + len / 20) {
        uint8_t *cut = tight_copy(p->der, len);
        assert_int_equal(clients_add(clients, span_of_text("a"), span_of(cut, len)), STATUS_MALFORMED);
        free(cut);
    }
    memcpy(der, p->der, p->len);
    assert_int_equal(clients_add(clients, span_of_text("a"), span_of(der, p->len + 1)), STATUS_MALFORMED);
    check_refused("client a certificate AAAA", "not an X.509 certificate");
    check_refused("client a certificate !!!!", "not base64");
    check_refused("client a certificate \"\"", "not an X.509 certificate");
    check_refused("authority a certificate AAAA", "not an X.509 certificate");
    check_refused("authority a certificate !!!!", "not base64");
    char line[LINE] = "client a certificate ";
    memset(line + strlen(line), 'A', 4200); /* 3,150 bytes */
    check_refused(line, "not base64 of at most 3,072 bytes");
    assert_int_equal(clients_count(clients), 0);
    assert_false(clients->authorities[0].in_use);
    assert_true(set_certificate("client", "a", 0));
}

static void lines_have_their_words(void **state)
{
    (void)state;
    assert_true(set_certificate("client", "a", 0));
    check_refused("client", "four words");
    check_refused("client a scope", "four words");
    check_refused("client a scope b c", "four words");
    check_refused("client a colour red", "certificate, scope");
    check_refused("authority a colour red", "certificate, scope");
    check_refused("client nobody scope b", "comes before its scope");
    check_refused("authority nobody scope b", "comes before its scope");
    check_refused("user nobody scope b", "comes before its scope");
    check_refused("user a colour red", "password-hash pbkdf2-sha256");
    assert_int_equal(clients_count(clients), 1);
    assert_int_equal(scopes.count, 0);
}

static void scopes_have_names_and_an_end(void **state)
{
    (void)state;
    char line[100];
    assert_true(set_certificate("client", "a", 0));
    assert_true(set_certificate("client", "b", 1));
    for (int i = 1; i <= SCOPES_MAX; i++) {
        snprintf(line, sizeof line, "client a scope s%d", i);
        assert_true(set(line));
        assert_int_equal(clients->clients[0].scope, i);
    }
    check_refused("client b scope one-more", "at most 16");
    assert_int_equal(clients->clients[1].scope, SCOPE_DEFAULT);
    assert_true(set("client b scope s3"));
    assert_int_equal(clients->clients[1].scope, 3);
    assert_true(set("client b scope default"));
    assert_int_equal(clients->clients[1].scope, SCOPE_DEFAULT);
    check_refused("client b scope \"\"", "1 to 64");
    check_refused("client b scope \"a b\"", "1 to 64");
}

static void authorities_are_few_and_keep_their_name(void **state)
{
    (void)state;
    char name[20];
    assert_true(set_certificate("authority", "ca-0", 0));
    assert_false(set_certificate("authority", "ca-0", 1));
    for (int i = 1; i < AUTHORITIES_MAX; i++) {
        snprintf(name, sizeof name, "ca-%d", i);
        assert_true(set_certificate("authority", name, i % 3));
    }
    assert_false(set_certificate("authority", "ca-5", 0));
    assert_non_null(strstr(why, "4 already"));
    assert_true(set("authority ca-1 scope hall"));
    const struct authority *a = &clients->authorities[1];
    assert_int_equal(a->scope, 1);
    assert_int_equal(clients->authorities[0].scope, SCOPE_DEFAULT);
    /* CN=client */
    static const uint8_t dn[] = {0x30, 0x11, 0x31, 0x0f, 0x30, 0x0d, 0x06, 0x03, 0x55, 0x04};
    assert_int_equal(a->anchor.dn.len, 2 + 0x11);
    assert_memory_equal(a->anchor.dn.data, dn, sizeof dn);
    assert_int_equal(a->anchor.flags, BR_X509_TA_CA);
    assert_ptr_equal(a->anchor.pkey.key.ec.q, a->public_key.bytes);
    assert_int_equal(clients_count(clients), 0);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static char text[4 * LINE];
    struct buf out = buf_over(text, sizeof text);
    struct clients *first = clients;
    assert_true(set_certificate("client", "a", 0) && set("client a scope hall"));
    assert_true(set_certificate("client", "gone", 2) && set_certificate("client", "b", 1));
    assert_int_equal(clients_remove(clients, span_of_text("gone")), STATUS_OK);
    assert_true(set_certificate("authority", "ca", 2) && set("authority ca scope yard"));
    assert_true(set("user vc password-hash pbkdf2-sha256:1000:000102030405060708090a0b0c0d0e0f:"
                    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    assert_true(set("user vc scope hall"));
    size_t entries = 0;
    while (clients_write_entry(clients, entries, &out))
        entries++;
    assert_int_equal(entries, CLIENTS_MAX + AUTHORITIES_MAX + USERS_MAX);
    assert_false(out.full);
    assert_null(strstr(text, "gone"));
    begin(NULL);
    int lines = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++)
        if (line[0] != '#') {
            assert_memory_equal(line, "set ", 4);
            assert_true(set(line + 4));
        }
    assert_int_equal(lines, 1 + 3 + 2 + 2);
    assert_int_equal(clients_count(clients), 2);
    int at = clients_find(clients, identities[0].sha256);
    assert_int_equal(clients->clients[at].scope, 1);
    assert_int_equal(clients_find(clients, identities[1].sha256), 1);
    assert_string_equal(clients->authorities[0].name, "ca");
    assert_int_equal(clients->authorities[0].scope, 2);
    assert_int_equal(clients->users[0].iterations, 1000);
    assert_memory_equal(clients->users[0].salt, first->users[0].salt, 16);
    assert_memory_equal(clients->users[0].hash, first->users[0].hash, 32);
    assert_int_equal(clients->users[0].scope, 1);
    free(first);
}

static void the_table_ends_at_64(void **state)
{
    (void)state;
    char name[20];
    struct peer_identity *p = malloc(sizeof *p);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        peer_identity_make(p, name, 0);
        assert_int_equal(clients_add(clients, span_of_text(name), peer_der(p)), STATUS_OK);
    }
    assert_int_equal(add("one-more", 0), STATUS_NO_SPACE);
    assert_false(set_certificate("client", "one-more", 0));
    assert_string_equal(why, "64 clients are enrolled already; remove one");
    assert_int_equal(clients_find(clients, p->sha256), CLIENTS_MAX - 1);
    assert_int_equal(clients_remove(clients, span_of_text("c9")), STATUS_OK);
    assert_int_equal(add("one-more", 0), STATUS_OK);
    assert_int_equal(clients_find(clients, identities[0].sha256), 9);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_is_found_by_its_exact_bytes, begin, end),
        cmocka_unit_test_setup_teardown(the_public_key_is_that_of_the_certificate, begin, end),
        cmocka_unit_test_setup_teardown(names_and_certificates_are_there_once, begin, end),
        cmocka_unit_test_setup_teardown(removing_makes_room_and_ends_the_serial, begin, end),
        cmocka_unit_test_setup_teardown(names_are_plain, begin, end),
        cmocka_unit_test_setup_teardown(bad_certificates_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(lines_have_their_words, begin, end),
        cmocka_unit_test_setup_teardown(scopes_have_names_and_an_end, begin, end),
        cmocka_unit_test_setup_teardown(authorities_are_few_and_keep_their_name, begin, end),
        cmocka_unit_test_setup_teardown(what_is_written_is_read_again, begin, end),
        cmocka_unit_test_setup_teardown(the_table_ends_at_64, begin, end),
    };
    return cmocka_run_group_tests_name("server/clients", tests, begin_group, NULL);
}
