/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "echo.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_BYTES_MAX 8192

unsigned char echo_answer[ECHO_ANSWER_MAX];

/* Entry 0 listens, entry slot + 1 is the connection in that slot. */
static struct pollfd fds[ECHO_CONNECTIONS_MAX + 1];
static unsigned used = 1;

void echo_give_up(const char *what)
{
    fprintf(stderr, "echo: %s: %s\n", what, errno != 0 ? strerror(errno) : "not usable");
    exit(2);
}

unsigned echo_frame_take(struct echo_frame *f, const unsigned char *bytes, size_t len)
{
    unsigned whole = 0;
    while (len > 0) {
        size_t n;
        if (f->header_bytes < 8) {
            n = len < 8 - f->header_bytes ? len : 8 - f->header_bytes;
            memcpy(f->header + f->header_bytes, bytes, n);
            f->header_bytes += n;
            f->left = (size_t)f->header[4] << 24 | (size_t)f->header[5] << 16 | (size_t)f->header[6] << 8 |
                      f->header[7];
        } else {
            n = len < f->left ? len : f->left;
            f->left -= n;
        }
        bytes += n;
        len -= n;
        if (f->header_bytes == 8 && f->left == 0) {
            f->header_bytes = 0;
            whole++;
        }
    }
    return whole;
}

static void listen_on(uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 512) != 0)
        echo_give_up("listen");
    fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static unsigned free_entry(void)
{
    for (unsigned i = 1; i < used; i++)
        if (fds[i].fd < 0)
            return i;
    return used <= ECHO_CONNECTIONS_MAX ? used++ : 0;
}

static void drop(unsigned entry)
{
    engine_close(entry - 1);
    close(fds[entry].fd);
    fds[entry].fd = -1;
    while (used > 1 && fds[used - 1].fd < 0)
        used--;
}

static void take(int fd)
{
    const int on = 1;
    unsigned entry = free_entry();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (entry == 0) {
        close(fd);
        return;
    }
    fds[entry] = (struct pollfd){.fd = fd, .events = POLLIN};
    if (!engine_open(entry - 1, fd))
        drop(entry);
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept4(fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        take(fd);
}

static void turn(void)
{
    if (poll(fds, used, -1) < 0 && errno != EINTR)
        echo_give_up("poll");
    for (unsigned i = 1; i < used; i++) {
        if (fds[i].fd < 0 || fds[i].revents == 0)
            continue;
        fds[i].events = engine_drive(i - 1, fds[i].fd);
        fds[i].revents = 0;
        if (fds[i].events == 0)
            drop(i);
    }
    if (fds[0].revents != 0)
        accept_all();
}

static struct echo_file file_read(const char *path)
{
    struct echo_file f = {malloc(FILE_BYTES_MAX), 0};
    FILE *file = fopen(path, "re");
    if (file == NULL || f.bytes == NULL)
        echo_give_up(path);
    f.len = fread(f.bytes, 1, FILE_BYTES_MAX, file);
    fclose(file);
    return f;
}

/* PORT ANSWER_BYTES CERTIFICATE KEY CLIENT_CERTIFICATE ... */
static void settings_read(struct echo_settings *s, int argc, char **argv)
{
    if (argc < 6 || argc > 5 + ECHO_CLIENTS_MAX) {
        fprintf(stderr, "usage: %s PORT ANSWER_BYTES CERT.der KEY.der CLIENT.der ...\n", argv[0]);
        exit(2);
    }
    s->port = (uint16_t)strtoul(argv[1], NULL, 10);
    s->answer_bytes = strtoul(argv[2], NULL, 10);
    s->certificate = file_read(argv[3]);
    s->key = file_read(argv[4]);
    for (int i = 5; i < argc; i++)
        s->client[s->clients++] = file_read(argv[i]);
    if (s->answer_bytes < 8 || s->answer_bytes > ECHO_ANSWER_MAX)
        echo_give_up("ANSWER_BYTES");
    memcpy(echo_answer, "\x42\x00\x7B\x01", 4);
    echo_answer[6] = (unsigned char)((s->answer_bytes - 8) >> 8);
    echo_answer[7] = (unsigned char)(s->answer_bytes - 8);
}

int main(int argc, char **argv)
{
    static struct echo_settings settings;
    settings_read(&settings, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    engine_start(&settings);
    listen_on(settings.port);
    for (;;)
        turn();
}
