/* SPDX-License-Identifier: Apache-2.0 */
/* What comes before and around the loop, without a process: the configuration file, the memory plan
 * (server/serve), the system calls that are left (server/sandbox), a turn of the loop (server/loop). */
#define _GNU_SOURCE
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/conn.h"
#include "server/loop.h"
#include "server/sandbox.h"
#include "server/serve.h"
#include "support/message.h"
#include "support/server_house.h"

static struct server *s;
static char path[40], why[400];

static int begin(void **state)
{
    (void)state;
    s = calloc(1, sizeof *s);
    snprintf(path, sizeof path, "/tmp/holdfast-start-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    free(s);
    return 0;
}

static bool read_config(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    memset(why, 0, sizeof why);
    return serve_read_config(s, path, why, sizeof why);
}

/* Refused, with file and line before the reason. */
static void check_refused(const char *text, int line, const char *reason)
{
    char wanted[400];
    assert_false(read_config(text));
    snprintf(wanted, sizeof wanted, "%s:%d: %s", path, line, reason);
    assert_string_equal(why, wanted);
}

static void a_good_file(void **state)
{
    (void)state;
    assert_true(read_config(""));
    assert_int_equal(s->config.connections, 256);
    assert_true(read_config("# a comment\r\n\r\n  set server connections 9\r\n\tset server name \"a b\"\n"
                            "set store objects 99 "));
    assert_int_equal(s->config.connections, 9);
    assert_int_equal(s->config.objects, 99);
    assert_string_equal(s->config.server_name, "a b");
    assert_true(read_config("")); /* nothing is left of the file before */
    assert_int_equal(s->config.connections, 256);
}

static void faults_name_file_and_line(void **state)
{
    (void)state;
    static const char form[] = "a line is: set <path> <value>; text with blanks stands in quotes";
    check_refused("set server connections 3\n", 1, "server connections is a number from 4 to 4096");
    check_refused("\n# x\n\nset server colour red", 4, "no such setting: server colour");
    check_refused("\n\nserver connections 9\n", 3, form);
    check_refused("set server connections 9\nset server name \"a\n", 2, form);
    check_refused("set a b c d e f g h\n", 1, form);
    check_refused("set\n", 1, "a line is: set <path> <value>");
    check_refused("set client a scope b\n", 1,
                  "clients, authorities and users belong into clients.conf in the state folder");
    check_refused("set user a scope b\n", 1,
                  "clients, authorities and users belong into clients.conf in the state folder");
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    static char large[65536 + 2];
    memset(large, '\n', 65536);
    assert_true(read_config(large));
    large[65536] = '\n';
    assert_false(read_config(large));
    assert_non_null(strstr(why, "is larger than 65,536 bytes"));
    unlink(path);
    assert_false(serve_read_config(s, path, why, sizeof why));
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "No such file"));
    assert_false(serve_read_config(s, "/tmp", why, sizeof why)); /* a folder */
    assert_string_equal(why, "/tmp: Is a directory");
}

static void check_plan(const char *text)
{
    assert_true(read_config(text));
    serve_plan(s);
    size_t sum = 0;
    for (size_t i = 0; i < s->region.pool_count; i++) {
        const struct region_pool *p = &s->region.pools[i];
        assert_non_null(p->name);
        assert_true(p->slots > 0 && p->slot_bytes > 0);
        sum += (p->slots * p->slot_bytes + 63) / 64 * 64;
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(p->name, s->region.pools[k].name);
    }
    assert_int_equal(s->region.used, sum);
    assert_null(s->region.base);
    assert_null(s->conns);
}

static void the_plan_adds_up(void **state)
{
    (void)state;
    check_plan("");
    size_t normal = s->region.used;
    assert_true(normal < 24u << 20);
    serve_plan(s);
    assert_int_equal(s->region.used, normal); /* twice is the same */
    check_plan("set server connections 257\n");
    assert_true(s->region.used - normal >= sizeof(struct conn) &&
                s->region.used - normal < sizeof(struct conn) + 1024);
    check_plan("set store objects 16385\n");
    assert_true(s->region.used > normal && s->region.used < normal + 8192);
    check_plan("set server connections 4096\nset store objects 1000000\nset store record-bytes 8192\n");
    assert_true(s->region.used > 8000ull << 20);
    check_plan("set server connections 4\nset store objects 16\nset store record-bytes 256\n");
    assert_true(s->region.used < normal / 2);
}

/* ---- sandbox ---- */

/* The sanitizers' own exit makes system calls that the sandbox forbids. */
static void leave(int code)
{
    syscall(SYS_exit_group, code);
}

/* The wait status of a child that does `work` inside the sandbox. */
static int in_sandbox(void (*work)(void))
{
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sandbox_early();
        if (!sandbox_enter(false))
            _exit(99);
        work();
        leave(7);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int sockets[2], listener;

static void allowed(void)
{
    char bytes[16] = "x";
    struct iovec part = {.iov_base = bytes, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct pollfd p = {.fd = sockets[0], .events = POLLIN};
    struct timespec now;
    bool good = syscall(SYS_write, sockets[0], "a", 1) == 1 && syscall(SYS_read, sockets[1], bytes, 1) == 1;
    good = good && send(sockets[0], "b", 1, MSG_NOSIGNAL) == 1 && recv(sockets[1], bytes, 1, 0) == 1;
    good = good && sendmsg(sockets[0], &message, 0) == 1 && recvmsg(sockets[1], &message, 0) == 1;
    good = good && poll(&p, 1, 0) == 0 && syscall(SYS_getrandom, bytes, 8, 0) == 8;
    good = good && syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now) == 0;
    good = good && accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0 && shutdown(sockets[0], SHUT_WR) == 0;
    good = good && syscall(SYS_close, sockets[0]) == 0 && syscall(SYS_wait4, -1, NULL, WNOHANG, NULL) == -1;
    leave(good ? 0 : 1);
}

static void open_a_file(void)
{
    syscall(SYS_openat, AT_FDCWD, "/etc/hostname", O_RDONLY);
}

static void make_a_socket(void)
{
    syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void call_out(void)
{
    syscall(SYS_connect, sockets[0], NULL, 0);
}

static void run_a_program(void)
{
    syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void more_memory(void)
{
    syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void executable_memory(void)
{
    syscall(SYS_mprotect, (void *)sockets, 4096, PROT_EXEC);
}

static void another_process(void)
{
    syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void read_another(void)
{
    syscall(SYS_ptrace, 0, 0, 0, 0);
}

static void kill_another(void)
{
    syscall(SYS_kill, 1, 0);
}

static void the_sandbox_holds(void **state)
{
    (void)state;
    static void (*const forbidden[])(void) = {open_a_file,     make_a_socket, call_out,
                                              run_a_program,   more_memory,   executable_memory,
                                              another_process, read_another,  kill_another};
    peer_sockets(sockets);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = in_sandbox(allowed);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        status = in_sandbox(forbidden[i]);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("number %zu: status %x", i, (unsigned)status);
    }
    close(sockets[0]);
    close(sockets[1]);
    close(listener);
}

/* ---- loop ---- */

static int signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* The real loop on the real clock: a client's whole visit, then the signal that ends it. */
static void turns_of_the_loop(void **state)
{
    (void)state;
    struct peer_identity *one = calloc(1, sizeof *one);
    struct peer *peer = calloc(1, sizeof *peer);
    struct house *h = house_new();
    uint8_t in[500], out[500];
    struct message m;
    struct message_options options = {.minor = 4};
    size_t got = 0;
    h->server.now = h->server.store.now = clock_read();
    h->server.signal_fd = signals();
    assert_true(loop_open(&h->server));
    h->server.tls.trust.now_s = PEER_NOW;
    peer_identity_make(one, "one", 0);
    assert_int_equal(clients_add(h->server.clients, span_of_text("one"), peer_der(one)), STATUS_OK);
    assert_non_null(house_connect(h, peer, 1, one));
    message_open(&m, in, sizeof in, &options);
    item_locate_name(&m, "x");
    size_t len = message_close(&m);
    for (int i = 0; i < HOUSE_PATIENCE && got == 0; i++) {
        bool open = peer_open(peer);
        peer_move(peer);
        if (!open && peer_open(peer))
            peer_write(peer, in, len);
        tame_disk_step(&h->disk);
        loop_turn(&h->server);
        got = peer_open(peer) ? peer_read(peer, out, sizeof out) : 0;
    }
    assert_int_equal(answer_count(span_of(out, got)), 1);
    assert_int_equal(h->server.counters.requests, 1);
    peer_end(peer);
    for (int i = 0; i < 10 && h->server.live_count != 0; i++)
        loop_turn(&h->server);
    assert_int_equal(h->server.live_count, 0);
    assert_false(h->server.stop);
    assert_int_equal(raise(SIGTERM), 0);
    loop_run(&h->server);
    assert_true(h->server.stop);
    close(h->server.signal_fd);
    close(h->server.rare_fds[0]);
    close(h->server.rare_fds[1]);
    close(h->server.timer_fd);
    house_free(h);
    free(peer);
    free(one);
}

/* What is due before the timer ends sets it anew. */
static void the_timer_is_that_of_what_is_due_first(void **state)
{
    (void)state;
    struct peer_identity *one = calloc(1, sizeof *one);
    struct peer *peer = calloc(1, sizeof *peer);
    struct house *h = house_new();
    struct server *s = &h->server;
    s->now = s->store.now = clock_read();
    assert_true(loop_open(s));
    peer_identity_make(one, "one", 0);
    struct conn *c = house_connect(h, peer, 1, one);
    assert_non_null(c);
    /* A turn that the peer's bytes end leaves the timer as it was. */
    for (int i = 0; i < 10 && s->timer_ms <= s->now.mono_ms + 200; i++) {
        peer_move(peer);
        loop_turn(s);
    }
    assert_int_equal(s->live_count, 1);
    assert_true(s->timer_ms > s->now.mono_ms + 200);
    uint64_t soon = c->deadline_ms = s->now.mono_ms + 100;
    loop_turn(s);
    assert_true(s->timer_ms <= soon);
    peer_end(peer);
    close(s->rare_fds[0]);
    close(s->rare_fds[1]);
    close(s->timer_fd);
    house_free(h);
    free(peer);
    free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_file, begin, end),
        cmocka_unit_test_setup_teardown(faults_name_file_and_line, begin, end),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read, begin, end),
        cmocka_unit_test_setup_teardown(the_plan_adds_up, begin, end),
        cmocka_unit_test(the_sandbox_holds),
        cmocka_unit_test(turns_of_the_loop),
        cmocka_unit_test(the_timer_is_that_of_what_is_due_first),
    };
    return cmocka_run_group_tests_name("server/serve, server/sandbox, server/loop", tests, NULL, NULL);
}
