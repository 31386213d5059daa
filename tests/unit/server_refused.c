/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that were refused are kept for a while (server/refused, server/tls_trust), and the commands
 * about clients (server/control_client). */
#include "support/check.h"

#include <unistd.h>

#include "base/text.h"
#include "server/client_authority.h"
#include "support/openssl.h"
#include "support/server_house.h"

#define STRANGERS 6

static struct peer_identity strangers[STRANGERS];
static struct house *h;
static struct server *s;
static struct peer *peer;
static int console;

static int begin_group(void **state)
{
    static const char *const names[STRANGERS] = {"vcenter1.lab", "my vc", "\"quoted\"",
                                                 "esx4",         "esx5",  "vcenter1.lab"};
    for (int i = 0; i < STRANGERS; i++)
        peer_identity_make(&strangers[i], names[i], 0);
    return openssl_begin(state);
}

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    console = house_console(h);
    peer = calloc(1, sizeof *peer);
    return 0;
}

static int end(void **state)
{
    (void)state;
    house_free(h);
    close(console);
    free(peer);
    return 0;
}

static bool knock(const struct peer_identity *who)
{
    struct conn *c = house_connect(h, peer, 31, who);
    bool open = house_shake(h, peer);
    peer_end(peer);
    house_turn(h, LINGER_MS);
    assert_int_equal(c->phase, CONN_FREE);
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        assert_false(s->tls.trust.chains[i].in_use);
    return open;
}

static const char *prefix_of(int i)
{
    static char print[2 * SHA256_BYTES + 2];
    hex_write(span_of(strangers[i].sha256, SHA256_BYTES), 0, false, print, sizeof print);
    print[8] = 0;
    return print;
}

static const char *say(const char *format, const char *a, const char *b)
{
    static char line[CONTROL_LINE];
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, format, a, b);
    return house_say(h, console, line);
}

static void check_ends(const char *said, const char *wanted)
{
    size_t len = strlen(said), n = strlen(wanted);
    if (len < n || strcmp(said + len - n, wanted) != 0)
        fail_msg("\"%s\" does not end with \"%s\"", said, wanted);
}

static void the_last_four_are_kept(void **state)
{
    (void)state;
    char hint[60];
    assert_string_equal(house_say(h, console, "show refused\n"), "OK\n");
    for (int i = 0; i < 5; i++)
        assert_false(knock(&strangers[i]));
    assert_false(knock(&strangers[1])); /* seen again: the newest */
    snprintf(hint, sizeof hint, "; if you expect it: client accept %s\n", prefix_of(0));
    assert_non_null(strstr(house_log(h), hint));
    const char *said = house_say(h, console, "show refused\n");
    assert_null(strstr(said, prefix_of(0)));
    const char *before = said;
    static const int order[] = {1, 4, 3, 2};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        snprintf(hint, sizeof hint, "to enrol it: client accept %s\n", prefix_of(order[i]));
        const char *at = strstr(said, hint);
        assert_non_null(at);
        assert_true(at > before);
        before = at;
    }
    assert_non_null(strstr(said, "  192.0.2.31\n  subject  CN=my vc\n"));
    check_ends(said, "OK\n");
}

static void accepted_under_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_false(knock(&strangers[i]));
    check_ends(say("client accept %s\n", prefix_of(0), NULL), "OK\n");
    assert_true(knock(&strangers[0]));
    check_ends(say("client accept %s %s\n", prefix_of(1), "esx-7"), "OK\n");
    assert_non_null(clients_named(s->clients, span_of_text("esx-7")));
    assert_true(knock(&strangers[1]));
    check_ends(say("client accept %s %s\n", prefix_of(2), "esx-7"),
               "ERR this name or this certificate is enrolled already\n");
    assert_false(knock(&strangers[2]));
}

static void names_are_made_safe(void **state)
{
    (void)state;
    static const struct {
        int who;
        const char *name;
    } cases[] = {{0, "vcenter1.lab"}, {1, "my-vc"}, {2, "-quoted-"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_false(knock(&strangers[cases[i].who]));
        check_ends(say("client accept %s\n", prefix_of(cases[i].who), NULL), "OK\n");
        assert_non_null(clients_named(s->clients, span_of_text(cases[i].name)));
        assert_true(knock(&strangers[cases[i].who]));
    }
    /* The name is taken: the fingerprint names it. */
    char name[20];
    assert_false(knock(&strangers[5]));
    check_ends(say("client accept %s\n", prefix_of(5), NULL), "OK\n");
    snprintf(name, sizeof name, "client-%s", prefix_of(5));
    assert_non_null(clients_named(s->clients, span_of_text(name)));
    check_ends(say("client accept %s\n", prefix_of(5), NULL),
               "ERR no certificate with this fingerprint was refused lately; see: show refused\n");
}

static void prefixes(void **state)
{
    (void)state;
    static struct refused r;
    uint8_t a[SHA256_BYTES] = {0xab, 0xcd, 0xef, 0x01}, b[SHA256_BYTES] = {0xab, 0xcd, 0xef, 0x02};
    const char *why;
    refused_keep(&r, peer_der(&strangers[0]), a, "192.0.2.1", 1);
    refused_keep(&r, peer_der(&strangers[1]), b, "192.0.2.2", 2);
    assert_null(refused_find(&r, span_of_text("abcdef"), &why));
    assert_non_null(strstr(why, "more than one"));
    assert_ptr_equal(refused_find(&r, span_of_text("AB:CD:EF:01"), &why), &r.list[0]);
    assert_ptr_equal(refused_find(&r, span_of_text("abcdef02"), &why), &r.list[1]);
    static const char *const bad[] = {"", "abcde", "abcdeg", "ab cd ef", "0xabcdef"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_null(refused_find(&r, span_of_text(bad[i]), &why));
        assert_non_null(strstr(why, "6 to 64 hexadecimal digits"));
    }
    char most[3 * SHA256_BYTES + 3];
    hex_write(span_of(a, sizeof a), 0, true, most, sizeof most);
    assert_ptr_equal(refused_find(&r, span_of_text(most), &why), &r.list[0]);
    strcat(most, "0");
    assert_null(refused_find(&r, span_of_text(most), &why));
    refused_keep(&r, peer_der(&strangers[0]), a, "192.0.2.9", 3); /* in its old place */
    assert_string_equal(r.list[0].address, "192.0.2.9");
    refused_forget(&r, &r.list[0]);
    assert_null(refused_find(&r, span_of_text("abcdef01"), &why));
}

/* Who stalls in the middle of a certificate holds a place; there are only so many, and none for one too
 * large. */
static void places_to_keep_are_bounded(void **state)
{
    (void)state;
    struct trust_shared *shared = &s->tls.trust;
    struct trust all[TRUST_CHAINS + 2];
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        trust_init(&all[i], shared);
        all[i].vtable->start_chain(&all[i].vtable, NULL);
        all[i].vtable->start_cert(&all[i].vtable, (uint32_t)strangers[0].len);
        all[i].vtable->append(&all[i].vtable, strangers[0].der, strangers[0].len);
        all[i].vtable->end_cert(&all[i].vtable);
        assert_int_equal(trust_unknown(&all[i]).len, i < TRUST_CHAINS ? strangers[0].len : 0);
    }
    for (size_t i = 0; i < COUNT_OF(all); i++)
        trust_release(&all[i]);
    trust_init(&all[0], shared);
    all[0].vtable->start_chain(&all[0].vtable, NULL);
    all[0].vtable->start_cert(&all[0].vtable, CERTIFICATE_MAX + 1);
    assert_null(all[0].kept);
    /* A length that is not kept to. */
    all[0].vtable->start_cert(&all[0].vtable, 10);
    for (int i = 0; i < 5; i++)
        all[0].vtable->append(&all[0].vtable, strangers[0].der, 900 % strangers[0].len);
    trust_release(&all[0]);
    for (size_t i = 0; i < TRUST_CHAINS; i++)
        assert_false(shared->chains[i].in_use);
}

/* ---- other commands about clients ---- */

static bool on_disk(const char *text)
{
    size_t len = 0;
    const uint8_t *file = sim_disk_file(h->sim, CLIENTS_FILE, &len);
    return file != NULL && memmem(file, len, text, strlen(text)) != NULL;
}

static void disabled_clients_are_refused(void **state)
{
    (void)state;
    assert_int_equal(clients_add(s->clients, span_of_text("vc"), peer_der(&strangers[0])), STATUS_OK);
    struct conn *c = house_connect(h, peer, 1, &strangers[0]);
    assert_true(house_shake(h, peer));
    assert_non_null(trust_client(&c->tls.trust));
    check_ends(house_say(h, console, "client disable vc\n"), "OK\n");
    assert_true(on_disk("\nset client vc disabled\n"));
    assert_null(trust_client(&c->tls.trust));
    peer_end(peer);
    house_turn(h, 1);
    assert_false(knock(&strangers[0]));
    assert_int_equal(s->clients->unknown, 0);
    assert_non_null(strstr(house_log(h), "the client is disabled: client enable vc\n"));
    assert_string_equal(house_say(h, console, "show refused\n"), "OK\n");
    assert_non_null(strstr(house_say(h, console, "show clients\n"), "DISABLED"));
    check_ends(house_say(h, console, "client enable vc\n"), "OK\n");
    assert_false(on_disk("disabled"));
    assert_true(knock(&strangers[0]));
}

static void every_fault_has_its_text(void **state)
{
    (void)state;
    static const char none[] = "ERR no client has this name; see: show clients\n";
    assert_int_equal(clients_add(s->clients, span_of_text("a"), peer_der(&strangers[0])), STATUS_OK);
    assert_int_equal(clients_add(s->clients, span_of_text("b"), peer_der(&strangers[1])), STATUS_OK);
    check_ends(house_say(h, console, "client disable x\n"), none);
    check_ends(house_say(h, console, "client enable x\n"), none);
    check_ends(house_say(h, console, "client show x\n"), none);
    check_ends(house_say(h, console, "client rename x y\n"), none);
    check_ends(house_say(h, console, "client rename a b\n"), "ERR another client is called so already\n");
    check_ends(house_say(h, console, "client rename a \"a b\"\n"),
               "ERR a name has 1 to 64 printable characters without blanks and quotes\n");
    check_ends(house_say(h, console, "client rename a c\n"), "OK\n");
    assert_true(on_disk("set client c certificate"));
    check_ends(house_say(h, console, "client sign c AAAA\n"), "ERR another client is called so already\n");
    check_ends(house_say(h, console, "client sign d AAAA\n"),
               "ERR not a certificate signing request (PKCS#10)\n");
    assert_int_equal(s->client_authority.kind, KEYPAIR_NONE);
    const char *said = house_say(h, console, "client show c\n");
    assert_non_null(strstr(said, "Subject      CN=vcenter1.lab\nKey          ECDSA P-256\n"));
    check_ends(said, "OK\n");
}

static const char *request_line(const char *name)
{
    static char line[CONTROL_LINE];
    static uint8_t der[4096];
    memset(line, 0, sizeof line);
    struct buf out = buf_over(line, sizeof line);
    openssl("req -new -nodes -newkey rsa:2048 -keyout k.pem -subj /CN=vc -outform DER -out r.der");
    buf_print(&out, "client sign %s ", name);
    base64_write(span_of(der, openssl_get("r.der", der, sizeof der)), &out);
    buf_add_text(&out, "\n");
    return line;
}

static void signed_and_enrolled(void **state)
{
    (void)state;
    size_t len = 0;
    const char *said = house_say(h, console, request_line("vc"));
    assert_int_equal(strncmp(said, "-----BEGIN CERTIFICATE-----\n", 28), 0);
    check_ends(said, "-----END CERTIFICATE-----\nOK\n");
    openssl_put("vc.pem", span_of_text(said));
    const uint8_t *ca = sim_disk_file(h->sim, "client-ca.pem", &len);
    openssl_put("ca.pem", span_of(ca, len));
    assert_non_null(strstr(openssl("verify -x509_strict -no_check_time -CAfile ca.pem vc.pem"), "OK"));
    assert_non_null(clients_named(s->clients, span_of_text("vc")));
    assert_true(on_disk("set client vc certificate"));
    assert_non_null(sim_disk_file(h->sim, "client-ca.key", &len));
}

/* The authority's key cannot be kept: said, and the next request makes another one. */
static void a_disk_that_fails_while_signing(void **state)
{
    (void)state;
    sim_disk_fail(h->sim, SIM_RENAME, 28, 0, 2);
    const char *said = house_say(h, console, request_line("vc"));
    check_ends(said, "OK\n");
    assert_int_equal(s->client_authority.kind, KEYPAIR_NONE);
    assert_non_null(strstr(house_log(h), "client-ca.key could not be written"));
    sim_disk_fail(h->sim, 0, 0, 0, 0);
    check_ends(house_say(h, console, request_line("vc2")), "OK\n");
    assert_int_equal(s->client_authority.kind, KEYPAIR_RSA);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_last_four_are_kept),
        TEST(accepted_under_a_name),
        TEST(names_are_made_safe),
        TEST(prefixes),
        TEST(places_to_keep_are_bounded),
        TEST(disabled_clients_are_refused),
        TEST(every_fault_has_its_text),
        TEST(signed_and_enrolled),
        TEST(a_disk_that_fails_while_signing),
    };
    return cmocka_run_group_tests_name("server/refused, server/control_client", tests, begin_group,
                                       openssl_end);
}
