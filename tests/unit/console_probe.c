/* SPDX-License-Identifier: Apache-2.0 */
/* The probe against a whole server: each step as vCenter does it, and what it says and returns when one is
 * wrong. Probe and server run in processes of their own, over a TCP connection. */
#include "support/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "console/probe.h"
#include "crypto/pem.h"
#include "server/conn.h"
#include "support/server_house.h"

#define WORDS_MAX 10

static struct peer_identity client, stranger;
static char folder[] = "/tmp/probe_XXXXXX";
static char cert_path[64], key_path[64], stranger_cert[64], stranger_key[64];
static char where[64], pin[2 * SHA256_BYTES + 1];
static pid_t server;

struct result {
    int status;
    char out[8192];
    char err[4096];
};

/* ---- files ---- */

static void write_pem(char *path, size_t cap, const char *name, const char *label, struct span der)
{
    char text[8192];
    struct buf out = buf_over(text, sizeof text);
    pem_write(&out, label, der);
    assert_false(out.full);
    snprintf(path, cap, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, out.len, f), out.len);
    fclose(f);
}

static void write_identity(const struct peer_identity *p, const char *name, char *cert, char *key, size_t cap)
{
    char file[32], bytes[2400];
    struct buf der = buf_over(bytes, sizeof bytes);
    snprintf(file, sizeof file, "%s.pem", name);
    write_pem(cert, cap, file, "CERTIFICATE", peer_der(p));
    assert_int_equal(keypair_write_der(&p->key, &der), STATUS_OK);
    snprintf(file, sizeof file, "%s.key", name);
    write_pem(key, cap, file, "PRIVATE KEY", span_of(bytes, der.len));
}

static int begin_group(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    peer_identity_make(&client, "probe", 0);
    peer_identity_make(&stranger, "stranger", 0);
    write_identity(&client, "client", cert_path, key_path, sizeof cert_path);
    write_identity(&stranger, "stranger", stranger_cert, stranger_key, sizeof stranger_cert);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    unlink(cert_path);
    unlink(key_path);
    unlink(stranger_cert);
    unlink(stranger_key);
    return rmdir(folder);
}

/* ---- the server ---- */

static _Noreturn void be_server(struct house *h, int listener)
{
    alarm(60);
    for (;;) {
        struct sockaddr_in6 from;
        socklen_t len = sizeof from;
        int fd = accept4(listener, (struct sockaddr *)(void *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            conn_open(&h->server, fd, &from);
        house_turn(h, 1);
        usleep(300);
    }
}

static int start_server(void **state)
{
    (void)state;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    socklen_t len = sizeof address;
    struct house *h = house_new();
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(clients_add(h->server.clients, span_of_text("probe"), peer_der(&client)), STATUS_OK);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr), 1);
    assert_int_equal(bind(listener, (struct sockaddr *)(void *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&address, &len), 0);
    snprintf(where, sizeof where, "127.0.0.1:%d", ntohs(address.sin6_port));
    server = fork();
    assert_true(server >= 0);
    if (server == 0)
        be_server(h, listener);
    close(listener);
    house_free(h);
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    kill(server, SIGKILL);
    return waitpid(server, NULL, 0) == server ? 0 : -1;
}

/* ---- the probe ---- */

static int scratch_file(void)
{
    char name[] = "/tmp/probe_out_XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    unlink(name);
    return fd;
}

static void read_back(int fd, char *out, size_t cap)
{
    ssize_t n = pread(fd, out, cap - 1, 0);
    out[n < 0 ? 0 : n] = 0;
    close(fd);
}

static struct result probe(const char *const words[WORDS_MAX])
{
    static struct result r;
    int out = scratch_file(), err = scratch_file(), status = 0;
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char *argv[WORDS_MAX + 1] = {NULL};
        int argc = 0;
        for (; argc < WORDS_MAX && words[argc] != NULL; argc++)
            argv[argc] = strdup(words[argc]);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        status = probe_main(argc, argv);
        fflush(stdout);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    r.status = WEXITSTATUS(status);
    read_back(out, r.out, sizeof r.out);
    read_back(err, r.err, sizeof r.err);
    return r;
}

static void check_says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static int count_of(const char *text, const char *words)
{
    int n = 0;
    for (; (text = strstr(text, words)) != NULL; text++)
        n++;
    return n;
}

static void every_step_is_done_and_timed(void **state)
{
    (void)state;
    const char *words[WORDS_MAX] = {where, "--cert", cert_path, "--key", key_path};
    struct result r = probe(words);
    if (r.status != 0)
        fail_msg("%s%s", r.out, r.err);
    static const char *const steps[] = {"Discover Versions",
                                        "Create",
                                        "Get Attributes x-Product_Version: none",
                                        "Add Attribute, three in a batch",
                                        "Get Attributes State: Pre-Active",
                                        "Activate",
                                        "Get Attributes State: Active",
                                        "Activate again: Permission Denied",
                                        "Revoke",
                                        "Destroy",
                                        "the server does all that vCenter asks of it"};
    for (size_t i = 0; i < COUNT_OF(steps); i++)
        check_says(r.out, steps[i]);
    assert_int_equal(count_of(r.out, " ms  ok"), 14 + 6); /* steps, and a handshake before most of them */
    assert_int_equal(count_of(r.out, "FAILED"), 0);
    assert_string_equal(r.err, "");
    /* What is shown can be given back as the thumbprint to pin. */
    const char *shown = strstr(r.out, "server sha256 Fingerprint=");
    assert_non_null(shown);
    shown += strlen("server sha256 Fingerprint=");
    for (size_t i = 0; i < SHA256_BYTES; i++)
        memcpy(pin + 2 * i, shown + 3 * i, 2);
    check_says(r.out, "server SHA1 Fingerprint=");
    const char *pinned[WORDS_MAX] = {where, "--key", key_path, "--server-sha256", pin, "--cert", cert_path};
    assert_int_equal(probe(pinned).status, 0);
    pin[0] = pin[0] == '0' ? '1' : '0';
    r = probe(pinned);
    assert_int_equal(r.status, 1);
    check_says(r.out, "FAILED: the server's certificate does not have the thumbprint given");
    check_says(r.out, "the server did not do what vCenter asks of it");
    assert_int_equal(count_of(r.out, "Create"), 0); /* it stops at the first that is wrong */
}

static void a_client_that_is_not_enrolled_is_told_so(void **state)
{
    (void)state;
    const char *words[WORDS_MAX] = {where, "--cert", stranger_cert, "--key", stranger_key};
    struct result r = probe(words);
    assert_int_equal(r.status, 1);
    check_says(r.out, "FAILED: ");
    assert_int_equal(count_of(r.out, "Create"), 0);
}

static void wrong_usage_is_2(void **state)
{
    (void)state;
    const char *const wrong[][WORDS_MAX] = {
        {NULL},
        {"127.0.0.1"},
        {"127.0.0.1:65536", "--cert", cert_path, "--key", key_path},
        {"127.0.0.1:", "--cert", cert_path, "--key", key_path},
        {"kms.example.org:5696", "--cert", cert_path, "--key", key_path},
        {"[::1:5696", "--cert", cert_path, "--key", key_path}, /* the bracket is open */
        {"[]:5696", "--cert", cert_path, "--key", key_path},
        {"127.0.0.1:1"},
        {"127.0.0.1:1", "--cert", cert_path},
        {"127.0.0.1:1", "--server-sha256"},
        {"127.0.0.1:1", "--key", key_path},
        {"127.0.0.1:1", "--cert", cert_path, "--key"},
        {"127.0.0.1:1", "--cert", cert_path, "--key", key_path, "--fast", "yes"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct result r = probe(wrong[i]);
        if (r.status != 2 || strstr(r.err, "usage: holdfast probe") == NULL)
            fail_msg("%zu: %d %s", i, r.status, r.err);
    }
    const char *short_pin[WORDS_MAX] = {"127.0.0.1:1", "--server-sha256", "abcd", "--cert", cert_path};
    struct result r = probe(short_pin);
    assert_int_equal(r.status, 2);
    check_says(r.err, "64 hexadecimal digits");
}

static void files_have_to_be_what_they_are_given_for(void **state)
{
    (void)state;
    const char *missing[WORDS_MAX] = {"127.0.0.1:1", "--cert", "/nowhere/at/all", "--key", key_path};
    struct result r = probe(missing);
    assert_int_equal(r.status, 1);
    check_says(r.err, "/nowhere/at/all: No such file");
    const char *swapped[WORDS_MAX] = {"127.0.0.1:1", "--cert", key_path, "--key", cert_path};
    r = probe(swapped);
    assert_int_equal(r.status, 1);
    check_says(r.err, "does not begin with a PEM CERTIFICATE");
    const char *twice[WORDS_MAX] = {"127.0.0.1:1", "--cert", cert_path, "--key", cert_path};
    r = probe(twice);
    assert_int_equal(r.status, 1);
    check_says(r.err, "does not begin with a PEM PRIVATE KEY");
}

/* Port 1 has no server: the first step says so. IPv6, IPv4 and localhost are addresses. */
static void addresses_of_every_form_are_tried(void **state)
{
    (void)state;
    static const char *const forms[] = {"127.0.0.1:1", "localhost:1", "[::ffff:127.0.0.1]:1"};
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        const char *words[WORDS_MAX] = {forms[i], "--cert", cert_path, "--key", key_path};
        struct result r = probe(words);
        assert_int_equal(r.status, 1);
        check_says(r.out, "FAILED: Connection refused");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_step_is_done_and_timed, start_server, stop_server),
        cmocka_unit_test_setup_teardown(a_client_that_is_not_enrolled_is_told_so, start_server, stop_server),
        cmocka_unit_test(wrong_usage_is_2),
        cmocka_unit_test(files_have_to_be_what_they_are_given_for),
        cmocka_unit_test(addresses_of_every_form_are_tried),
    };
    return cmocka_run_group_tests_name("probe", tests, begin_group, end_group);
}
