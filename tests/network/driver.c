/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network and the clock of process 1 in a loop of their own, driven by lines on standard input. The clock
 * is pretended: the machine's own is never set.
 *
 *   driver RESOLV-FILE RELEASE-SECONDS CLOCK-SECONDS STORED-SECONDS
 *
 * Lines: set ..., (settings), apply, show, state, addresses, time, line, hurry, test NAME, testtime, ping
 * ADDRESS, resolve NAME, quit. Every answer ends in a line that is a single dot. The log goes to standard
 * error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "init/net.h"
#include "init/net_test.h"
#include "init/timekeeper.h"

struct driver {
    struct config config;
    struct log log;
    struct net net;
    struct timekeeper time;
    int64_t clock_us; /* added to the machine's clock that is never set */
    bool quit;
};

static struct driver driver;

static int64_t fake_now(void *self)
{
    const struct driver *d = self;
    return d->clock_us + (int64_t)clock_mono_us();
}

static uint64_t fake_mono(void *self)
{
    (void)self;
    return clock_mono_us();
}

static bool fake_step(void *self, int64_t us)
{
    struct driver *d = self;
    fprintf(stderr, "STEP %lld\n", (long long)(us - fake_now(self)));
    d->clock_us = us - (int64_t)clock_mono_us();
    return true;
}

static bool fake_slew(void *self, int64_t us)
{
    struct driver *d = self;
    fprintf(stderr, "SLEW %lld\n", (long long)us);
    d->clock_us += us;
    return true;
}

static bool fake_rtc(void *self, int64_t s)
{
    (void)self;
    fprintf(stderr, "RTC %lld\n", (long long)s);
    return true;
}

static bool fake_store(void *self, int64_t s)
{
    (void)self;
    fprintf(stderr, "STORE %lld\n", (long long)s);
    return true;
}

static void answer(struct buf *out)
{
    fwrite(out->ptr, 1, out->len, stdout);
    printf(".\n");
    fflush(stdout);
}

static void apply(struct driver *d, struct buf *out, struct clock now)
{
    struct net_settings settings;
    char why[200];
    if (!net_settings_read(&d->config, &settings, why, sizeof why)) {
        buf_print(out, "ERR %s\n", why);
        return;
    }
    net_apply(&d->net, &settings, now);
    buf_add_text(out, "OK\n");
}

static void test_line(struct driver *d, struct span *words, size_t count)
{
    const char *name = count > 1 ? (const char *)words[1].ptr : NULL;
    fflush(stdout);
    if (words[0].ptr[0] == 'p' && name != NULL)
        (void)net_ping(name, STDOUT_FILENO);
    else if (words[0].ptr[0] == 'r' && name != NULL)
        (void)net_resolve(&d->net, name, STDOUT_FILENO);
    else if (words[0].len > 4)
        (void)net_test_time(&d->net, STDOUT_FILENO);
    else
        (void)net_test_network(&d->net, name, STDOUT_FILENO);
}

static void one_line(struct driver *d, char *line, struct clock now)
{
    char text[16384], why[200] = "";
    struct buf out = buf_over(text, sizeof text);
    struct span words[SETTING_WORDS];
    bool is_client;
    size_t count = config_words(span_of_text(line), words);
    if (count == 0 || count > SETTING_WORDS)
        return;
    for (size_t i = 0; i < count; i++)
        line[words[i].ptr + words[i].len - (const uint8_t *)line] = 0;
    if (strcmp(line, "set") == 0) {
        if (!config_set(&d->config, words + 1, count - 1, &is_client, why, sizeof why))
            buf_print(&out, "ERR %s\n", why);
    } else if (strcmp(line, "apply") == 0) {
        apply(d, &out, now);
    } else if (strcmp(line, "show") == 0) {
        net_write(&d->net, now, &out);
    } else if (strcmp(line, "state") == 0) {
        buf_print(&out, "up %d\n", net_is_up(&d->net));
        net_write_state(&d->net, &out);
        buf_add_text(&out, "fault ");
        net_fault(&d->net, &out);
        buf_add_text(&out, "\n");
    } else if (strcmp(line, "addresses") == 0) {
        net_addresses(&d->net, &out);
        buf_add_text(&out, "\n");
    } else if (strcmp(line, "time") == 0) {
        timekeeper_write(&d->time, now, &out);
    } else if (strcmp(line, "line") == 0) {
        timekeeper_write_line(&d->time, &out);
        buf_add_text(&out, "\n");
    } else if (strcmp(line, "hurry") == 0) {
        timekeeper_hurry(&d->time, now);
    } else if (strcmp(line, "quit") == 0) {
        d->quit = true;
    } else {
        test_line(d, words, count);
    }
    answer(&out);
}

static void read_lines(struct driver *d, struct clock now)
{
    static char in[4096];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, in + len, sizeof in - 1 - len);
    if (n <= 0) {
        d->quit = true;
        return;
    }
    len += (size_t)n;
    char *end;
    while ((end = memchr(in, '\n', len)) != NULL) {
        *end = 0;
        one_line(d, in, now);
        len -= (size_t)(end - in) + 1;
        memmove(in, end + 1, len);
    }
}

int main(int argc, char **argv)
{
    struct driver *d = &driver;
    if (argc != 5)
        return 2;
    struct clock now = clock_read();
    struct time_ops ops = {.self = d,
                           .now_us = fake_now,
                           .mono_us = fake_mono,
                           .step = fake_step,
                           .slew = fake_slew,
                           .write_rtc = fake_rtc,
                           .store = fake_store};
    d->log = (struct log){.fd = STDERR_FILENO, .level = LOG_DEBUG, .unix_s = now.unix_s};
    d->clock_us = strtoll(argv[3], NULL, 10) * 1000000 - (int64_t)clock_mono_us();
    config_defaults(&d->config);
    net_init(&d->net, &d->log, argv[1], now);
    timekeeper_init(&d->time, &ops, &d->log, strtoll(argv[2], NULL, 10), now);
    timekeeper_floor(&d->time, strtoll(argv[4], NULL, 10));
    while (!d->quit) {
        struct pollfd fds[1 + NET_FDS + TIMEKEEPER_FDS] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        uint64_t deadline = now.mono_ms + 60000;
        size_t net_count = net_poll(&d->net, fds + 1, NET_FDS, &deadline);
        size_t count = 1 + net_count;
        count += timekeeper_poll(&d->time, fds + count, TIMEKEEPER_FDS, &deadline);
        poll(fds, count, deadline > now.mono_ms ? (int)(deadline - now.mono_ms) : 0);
        now = clock_read();
        d->log.unix_s = now.unix_s;
        net_turn(&d->net, fds + 1, net_count, now);
        timekeeper_apply(&d->time, &d->net, d->config.ntp_max_step_ms, now);
        (void)timekeeper_turn(&d->time, now);
        if (fds[0].revents != 0)
            read_lines(d, now);
    }
    return 0;
}
