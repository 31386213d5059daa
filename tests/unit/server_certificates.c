/* SPDX-License-Identifier: Apache-2.0 */
/* The console's commands about the server's certificates (server/control_certificate), and handshakes that go
 * on while one is replaced. */
#include "support/check.h"

#include <unistd.h>

#include "base/text.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"
#include "crypto/x509_write.h"
#include "server/clients_file.h"
#include "server/identity.h"
#include "support/openssl.h"
#include "support/server_house.h"

static struct peer_identity one;
static struct house *h;
static struct server *s;
static struct peer *peer;
static int console;

static int begin_group(void **state)
{
    peer_identity_make(&one, "one", 0);
    return openssl_begin(state);
}

static int begin(void **state)
{
    (void)state;
    h = house_new();
    s = &h->server;
    console = house_console(h);
    peer = calloc(1, sizeof *peer);
    assert_int_equal(clients_add(s->clients, span_of_text("one"), peer_der(&one)), STATUS_OK);
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

static const char *check_shows(const char *command, const char *part)
{
    const char *said = house_say(h, console, command);
    size_t len = strlen(said);
    if (strstr(said, part) == NULL)
        fail_msg("%.60s said \"%s\", without \"%s\"", command, said, part);
    if (len < 3 || strcmp(said + len - 3, "OK\n") != 0)
        fail_msg("%.60s ends with \"%s\"", command, said);
    return said;
}

static void check_error(const char *command, const char *wanted)
{
    const char *said = house_say(h, console, command);
    if (strstr(said, wanted) == NULL || strstr(said, "ERR ") == NULL)
        fail_msg("%s said \"%s\", wanted an ERR with \"%s\"", command, said, wanted);
}

static struct span leaf(const struct tls_identity *id)
{
    return tls_certificate_der(tls_current(id), 0);
}

/* A certificate of this key that openssl's authority signs, in base64. */
static const char *signed_by_openssl(const char *kind)
{
    static char words[CONTROL_LINE];
    static uint8_t der[4096];
    char command[100];
    snprintf(command, sizeof command, "cert csr %s kms.example\n", kind);
    const char *said = check_shows(command, "-----BEGIN CERTIFICATE REQUEST-----\n");
    openssl_put("csr.pem", span_of_text(said));
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 99999 -subj /CN=site");
    openssl("x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 99999 -copy_extensions "
            "copy -outform "
            "DER -out new.der");
    memset(words, 0, sizeof words);
    struct buf out = buf_over(words, sizeof words);
    base64_write(span_of(der, openssl_get("new.der", der, sizeof der)), &out);
    openssl("x509 -in ca.pem -outform DER -out ca.der");
    buf_add_text(&out, " ");
    base64_write(span_of(der, openssl_get("ca.der", der, sizeof der)), &out);
    return words;
}

static const char *install_line(const char *kind)
{
    static char line[CONTROL_LINE];
    memset(line, 0, sizeof line);
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, "cert install %s\n", signed_by_openssl(kind));
    assert_false(out.full);
    return line;
}

static bool on_disk(const char *name, const struct tls_certificate *c)
{
    static char text[16384];
    size_t len = 0;
    const uint8_t *file = sim_disk_file(h->sim, name, &len);
    struct buf pem = buf_over(text, sizeof text);
    identity_write_certificate(c, &pem);
    return file != NULL && span_equal(buf_span(&pem), span_of(file, len));
}

static void a_signed_one_is_prepared_and_put_in_force(void **state)
{
    (void)state;
    for (int ec = 0; ec < 2; ec++) {
        struct tls_identity *id = ec == 1 ? &s->tls.ec : &s->tls.rsa;
        struct span before = leaf(id);
        const char *said =
            check_shows(install_line(ec == 1 ? "ec" : "rsa"), "NEW thumbprints\nSHA1 Fingerprint=");
        assert_non_null(strstr(said, "  Issuer   CN=site\n"));
        assert_non_null(strstr(said, "  Chain    1 of authorities sent with it\n"));
        assert_non_null(strstr(said, "BEFORE"));
        assert_true(id->prepared);
        assert_true(span_equal(before, leaf(id)));
        assert_true(on_disk(identity_file(ec == 1, IDENTITY_NEXT), &id->certificates[!id->current]));
        check_shows("show cert\n", "prepared; when every vCenter trusts it: cert activate\n");
        check_shows("cert activate\n", "in force\n");
        assert_false(id->prepared);
        assert_int_equal(tls_current(id)->count, 2);
        assert_true(on_disk(identity_file(ec == 1, IDENTITY_CERTIFICATE), tls_current(id)));
        assert_null(strstr(check_shows("show cert\n", "SHA1 Fingerprint="), "prepared"));
    }
    check_error("cert activate\n", "no certificate is prepared");
}

static void a_disk_that_fails_changes_nothing(void **state)
{
    (void)state;
    static const unsigned calls[] = {SIM_OPEN, SIM_WRITE, SIM_FLUSH, SIM_RENAME};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        sim_disk_fail(h->sim, calls[i], 28, 0, 0);
        check_error("cert renew rsa\n", "not prepared: the file could not be written");
        assert_false(s->tls.rsa.prepared);
        sim_disk_fail(h->sim, 0, 0, 0, 0);
        check_shows("cert renew rsa\n", "NEW ");
        uint8_t current = s->tls.rsa.current;
        sim_disk_fail(h->sim, calls[i], 28, 0, 0);
        check_error("cert activate\n", "not in force: the file could not be written");
        assert_int_equal(s->tls.rsa.current, current);
        assert_true(s->tls.rsa.prepared);
        sim_disk_fail(h->sim, 0, 0, 0, 0);
    }
    check_shows("cert activate\n", "in force");
}

/* It is in force when it is on disk, and until then another console waits. */
static void one_console_at_a_time(void **state)
{
    (void)state;
    int other = house_console(h);
    h->disk_frozen = true;
    assert_string_equal(house_say(h, console, "cert renew\n"), "");
    assert_string_equal(house_say(h, other, "cert renew\n"),
                        "ERR another console changes the certificates; try again\n");
    assert_string_equal(house_say(h, other, "cert activate\n"),
                        "ERR another console changes the certificates; try again\n");
    assert_false(s->tls.rsa.prepared || s->tls.ec.prepared);
    h->disk_frozen = false;
    check_shows("", "NEW thumbprints\nSHA1 Fingerprint=");
    assert_true(s->tls.rsa.prepared && s->tls.ec.prepared);
    clients_file_changed(s);
    check_error("cert activate\n", "the clients file is being written; try again");
    close(other);
}

/* A handshake that has begun with a certificate ends with it, and its place is not filled before. */
static void a_handshake_under_way_keeps_its_certificate(void **state)
{
    (void)state;
    check_shows("cert renew\n", "NEW");
    struct conn *c = house_connect(h, peer, 1, &one);
    for (int i = 0; i < HOUSE_PATIENCE && c->tls.policy.certificate == NULL; i++) {
        peer_move(peer);
        house_turn(h, 1);
    }
    const struct tls_certificate *used = c->tls.policy.certificate;
    assert_non_null(used);
    assert_false(peer_open(peer));
    check_shows("cert activate\n", "in force");
    bool rsa = used == &s->tls.rsa.certificates[!s->tls.rsa.current];
    assert_true(rsa || used == &s->tls.ec.certificates[!s->tls.ec.current]);
    check_error(rsa ? "cert renew rsa\n" : "cert renew ec\n",
                "a handshake still uses the certificate before");
    check_shows(rsa ? "cert renew ec\n" : "cert renew rsa\n", "NEW");
    assert_true(house_shake(h, peer));
    check_shows("cert renew\n", "NEW");
    /* The session that is open goes on. */
    check_shows("cert activate\n", "in force");
    house_turn(h, 1);
    assert_int_equal(c->phase, CONN_OPEN);
    assert_true(peer_open(peer));
}

static void what_is_typed_wrongly(void **state)
{
    (void)state;
    static const char usage[] = "cert csr [rsa|ec] [names], cert install";
    check_error("cert\n", usage);
    check_error("cert dance\n", usage);
    check_error("cert renew dsa\n", usage);
    check_error("cert activate now\n", usage);
    check_error("cert install\n", "cert install <certificate in base64>");
    check_error("cert install !\n", "certificate 1 is not base64");
    check_error("cert install AAAA\n", "certificate 1 is not an X.509 certificate");
    check_error("cert csr rsa a/b\n", "neither a host name nor an address: a/b");
    char line[CONTROL_LINE];
    struct buf out = buf_over(line, sizeof line);
    buf_add_text(&out, "cert install ");
    base64_write(peer_der(&one), &out);
    buf_add_text(&out, "\n");
    check_error(line, "is not for a key of this device");
    assert_false(s->tls.rsa.prepared || s->tls.ec.prepared);
}

/* One that expires between is not put in force. */
static void an_expired_one_stays_out(void **state)
{
    (void)state;
    check_shows("cert renew\n", "NEW");
    s->now.unix_s += 3651ll * 86400;
    check_shows("show cert\n", "EXPIRED\n");
    check_error("cert activate\n", "the prepared certificate has expired");
    s->now.unix_s -= 3651ll * 86400;
    const char *line = install_line("rsa");
    s->now.unix_s += 400ll * 365 * 86400;
    check_error(line, "certificate 1 has expired");
}

static void two_names_of_one_certificate_in_hexadecimal(void **state)
{
    (void)state;
    uint8_t digest[SHA256_BYTES];
    char wanted[200], print[2 * SHA256_BYTES + 2];
    struct buf out = buf_over(wanted, sizeof wanted);
    for (int ec = 0; ec < 2; ec++) {
        sha256(leaf(ec == 1 ? &s->tls.ec : &s->tls.rsa), digest);
        hex_write(span_of(digest, sizeof digest), 0, false, print, sizeof print);
        buf_print(&out, "%s\n", print);
    }
    buf_add_text(&out, "OK\n");
    assert_string_equal(house_say(h, console, "show cert raw\n"), wanted);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signed_one_is_prepared_and_put_in_force),
        TEST(a_disk_that_fails_changes_nothing),
        TEST(one_console_at_a_time),
        TEST(a_handshake_under_way_keeps_its_certificate),
        TEST(what_is_typed_wrongly),
        TEST(an_expired_one_stays_out),
        TEST(two_names_of_one_certificate_in_hexadecimal),
    };
    return cmocka_run_group_tests_name("server/control_certificate", tests, begin_group, openssl_end);
}
