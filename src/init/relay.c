/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"

static int connect_until(const char *path, uint64_t until_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    do {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0)
            return fd;
        if (fd >= 0)
            close(fd);
        usleep(50000);
    } while (clock_read().mono_ms < until_ms);
    return -1;
}

/* One line of the answer: true when it was the last; then why is "" for OK. */
static bool take_line(const char *line, size_t len, int out, char *why, size_t cap)
{
    why[0] = 0;
    if (len == 2 && memcmp(line, "OK", 2) == 0)
        return true;
    if (len > 4 && memcmp(line, "ERR ", 4) == 0) {
        snprintf(why, cap, "%.*s", (int)(len - 4), line + 4);
        return true;
    }
    if (out >= 0)
        dprintf(out, "%.*s\n", (int)len, line);
    return false;
}

/* Reads until the last line or the end of patience. */
static bool pass_on(int fd, uint64_t until_ms, int out, char *why, size_t cap)
{
    char text[CONTROL_LINE];
    size_t used = 0;
    for (;;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_read().mono_ms;
        if (now >= until_ms || poll(&one, 1, (int)(until_ms - now)) <= 0)
            break;
        ssize_t n = read(fd, text + used, sizeof text - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
        char *end;
        while ((end = memchr(text, '\n', used)) != NULL) {
            size_t len = (size_t)(end - text);
            if (take_line(text, len, out, why, cap))
                return why[0] == 0;
            memmove(text, end + 1, used - len - 1);
            used -= len + 1;
        }
        used = used == sizeof text ? 0 : used;
    }
    snprintf(why, cap, "the server does not answer");
    return false;
}

bool relay_ask(const char *path, const char *line, unsigned seconds, int out, char *why, size_t cap)
{
    uint64_t until = clock_read().mono_ms + 1000ull * seconds;
    int fd = connect_until(path, until);
    bool good = fd >= 0 && send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line) &&
                send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
    if (good)
        good = pass_on(fd, until, out, why, cap);
    else
        snprintf(why, cap, "the server does not run");
    if (fd >= 0)
        close(fd);
    return good;
}
