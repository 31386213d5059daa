/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/health.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_EVERY_MS 2000
#define ASK_SOON_MS  200 /* while it starts */
/* milliseconds without an answer: of a server that has answered before, and of one that starts (it reads its
 * journal and may make keys on a slow board) */
#define HUNG_MS  30000
#define START_MS 180000
/* milliseconds that one which was killed may take to go */
#define HOPELESS_MS 60000

static const char question[] = "show state\n";

void health_init(struct box *box)
{
    box->health = (struct health){.fd = -1};
}

int health_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SERVE_SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

struct pollfd health_watch(const struct box *box)
{
    return (struct pollfd){.fd = box->health.fd, .events = POLLIN};
}

static void hang_up(struct health *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    h->len = 0;
}

static void note_state(struct box *box, const char *answer)
{
    struct health *h = &box->health;
    snprintf(h->state, sizeof h->state, "%.*s", (int)strcspn(answer, " \n"), answer);
    h->answered_ms = box->now.mono_ms;
    box->serve.failures = 0;
    box_fault(box, FAULT_SERVE, NULL);
}

static void read_answer(struct box *box)
{
    struct health *h = &box->health;
    ssize_t n = recv(h->fd, h->answer + h->len, sizeof h->answer - 1 - h->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || h->len + (size_t)n >= sizeof h->answer - 1) {
        hang_up(h);
        return;
    }
    h->len += (size_t)n;
    h->answer[h->len] = 0;
    if (strstr(h->answer, "OK\n") == NULL && strstr(h->answer, "ERR ") == NULL)
        return;
    note_state(box, h->answer);
    h->len = 0;
}

static void ask(struct box *box)
{
    struct health *h = &box->health;
    h->asked_ms = box->now.mono_ms;
    h->len = 0;
    if (h->fd < 0)
        h->fd = health_connect();
    if (h->fd >= 0 && send(h->fd, question, sizeof question - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        hang_up(h);
}

bool health_hangs(const struct box *box)
{
    const struct health *h = &box->health;
    if (box->serve.pid == 0)
        return false;
    uint64_t since = h->answered_ms != 0 ? h->answered_ms : box->serve.started_ms;
    uint64_t patience = h->answered_ms != 0 ? HUNG_MS : START_MS;
    return box->now.mono_ms - since > patience;
}

bool health_is_hopeless(const struct box *box)
{
    uint64_t killed = box->health.killed_ms;
    return box->serve.pid != 0 && killed > box->serve.started_ms && box->now.mono_ms - killed > HOPELESS_MS;
}

void health_take(struct box *box, short events)
{
    if (box->health.fd >= 0 && events != 0)
        read_answer(box);
}

void health_turn(struct box *box, uint64_t *deadline)
{
    struct health *h = &box->health;
    if (box->serve.pid == 0) {
        hang_up(h);
        h->state[0] = 0;
        return;
    }
    uint64_t every = h->answered_ms == 0 ? ASK_SOON_MS : ASK_EVERY_MS;
    if (box->now.mono_ms - h->asked_ms >= every)
        ask(box);
    if (health_hangs(box) && h->killed_ms <= box->serve.started_ms) {
        box_fault(box, FAULT_SERVE, "the server did not answer: it was killed and is started again");
        kill(box->serve.pid, SIGKILL);
        hang_up(h);
        h->state[0] = 0;
        h->killed_ms = box->now.mono_ms;
    }
    if (h->asked_ms + every < *deadline)
        *deadline = h->asked_ms + every;
}
