/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "seal/tpm_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"

#define HEADER 10

static int open_socket(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    int file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file >= 0 && connect(file, (const struct sockaddr *)&to, sizeof to) != 0) {
        int why = errno;
        close(file);
        errno = why;
        return -1;
    }
    return file;
}

int tpm_link_open(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return -1;
    return S_ISSOCK(s.st_mode) ? open_socket(path) : open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static bool wait_for(int file, short what, uint64_t until_ms)
{
    for (;;) {
        uint64_t now_ms = clock_read().mono_ms;
        struct pollfd p = {.fd = file, .events = what};
        int n = now_ms >= until_ms ? 0 : poll(&p, 1, (int)(until_ms - now_ms));
        if (n > 0)
            return true; /* a failure shows at the read or write */
        if (n == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR)
            return false;
    }
}

/* The device takes a command only whole; a socket may take it in parts. */
static enum status send_all(int file, uint64_t until_ms, struct span command)
{
    for (size_t at = 0; at < command.len;) {
        if (!wait_for(file, POLLOUT, until_ms))
            return STATUS_FAILED;
        ssize_t n = send(file, command.ptr + at, command.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK)
            n = write(file, command.ptr + at, command.len - at);
        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return STATUS_FAILED;
    }
    return STATUS_OK;
}

enum status tpm_link_exchange(int file, uint64_t until_ms, struct span command,
                              uint8_t answer[TPM_MESSAGE_MAX], size_t *len)
{
    enum status status = send_all(file, until_ms, command);
    if (status != STATUS_OK)
        return status;
    size_t got = 0, whole = 0;
    while (whole == 0 || got < whole) {
        /* The device answers a read before its answer is there with nothing, so it is waited for first. */
        if (!wait_for(file, POLLIN, until_ms))
            return STATUS_FAILED;
        ssize_t n = read(file, answer + got, TPM_MESSAGE_MAX - got);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = EPIPE;
            return STATUS_FAILED;
        }
        got += (size_t)n;
        if (got >= HEADER && whole == 0) {
            whole = be32_get(answer + 2);
            if (whole < HEADER || whole > TPM_MESSAGE_MAX)
                return STATUS_MALFORMED;
        }
    }
    *len = got;
    return got == whole ? STATUS_OK : STATUS_MALFORMED;
}
