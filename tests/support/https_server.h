/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "openssl s_server" as the other end of HTTPS: its standard input is what it answers, its output what it was
 * asked. With an authority of its own, and certificates good, old (expired) and name (for another name).
 */
#ifndef HOLDFAST_TESTS_SUPPORT_HTTPS_SERVER_H
#define HOLDFAST_TESTS_SUPPORT_HTTPS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

static char folder[] = "/tmp/holdfast-http-XXXXXX";
static char roots[8192], other_roots[8192];
static struct {
    pid_t pid;
    int in, out, port;
} server;
static char seen[40000]; /* that the server was asked */
static size_t seen_len;
static char url[100];

static inline void run(const char *command)
{
    char line[600];
    snprintf(line, sizeof line, "cd %s && openssl %s 2>log", folder, command);
    if (system(line) != 0)
        fail_msg("%s", line);
}

static inline void read_file(const char *name, char *out, size_t cap)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    out[fread(out, 1, cap - 1, file)] = 0;
    fclose(file);
}

#define NEW_EC "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

static inline void make_certificates(void)
{
    signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(folder));
    run("req -x509 " NEW_EC " -keyout ca.key -out ca.pem -subj /CN=ca -days 30");
    run("req -x509 " NEW_EC " -keyout x.key -out other.pem -subj /CN=other -days 30");
    run("req -x509 " NEW_EC " -keyout good.key -out good.pem -subj /CN=s -days 30 -CA ca.pem -CAkey ca.key "
        "-addext subjectAltName=DNS:localhost");
    run("req -new " NEW_EC " -keyout old.key -out old.csr -subj /CN=s -addext subjectAltName=DNS:localhost");
    run("x509 -req -in old.csr -out old.pem -CA ca.pem -CAkey ca.key -days -1 -copy_extensions copy");
    run("req -x509 " NEW_EC " -keyout name.key -out name.pem -subj /CN=s -days 30 -CA ca.pem -CAkey ca.key "
        "-addext subjectAltName=DNS:elsewhere");
    read_file("ca.pem", roots, sizeof roots);
    read_file("other.pem", other_roots, sizeof other_roots);
}

static inline int remove_certificates(void **state)
{
    (void)state;
    char line[100];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

/* A port that nobody has right now. */
static inline int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static inline bool answers(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool good = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return good;
}

static inline void serve(const char *certificate)
{
    int in[2], out[2];
    char port[12], cert[20], key[20];
    server.port = free_port();
    snprintf(port, sizeof port, "%d", server.port);
    snprintf(cert, sizeof cert, "%s.pem", certificate);
    snprintf(key, sizeof key, "%s.key", certificate);
    snprintf(url, sizeof url, "https://localhost:%d/path?a=b", server.port);
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
    server.pid = fork();
    if (server.pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        if (chdir(folder) == 0)
            execlp("openssl", "openssl", "s_server", "-quiet", "-accept", port, "-cert", cert, "-key", key,
                   NULL);
        _exit(1);
    }
    close(in[0]);
    close(out[1]);
    server.in = in[1];
    server.out = out[0];
    fcntl(server.out, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 500 && !answers(server.port); i++)
        usleep(20000);
    seen_len = 0;
    seen[0] = 0;
}

static inline void end_server(void)
{
    if (server.pid == 0)
        return;
    close(server.in);
    kill(server.pid, SIGKILL);
    waitpid(server.pid, NULL, 0);
    close(server.out);
    server.pid = 0;
}

static inline void look(void)
{
    ssize_t n = read(server.out, seen + seen_len, sizeof seen - 1 - seen_len);
    if (n > 0)
        seen_len += (size_t)n;
    seen[seen_len] = 0;
}

static inline void say(const char *text)
{
    for (size_t len = strlen(text); len != 0;) {
        ssize_t n = write(server.in, text, len);
        assert_true(n > 0);
        text += n;
        len -= (size_t)n;
    }
}

#endif
