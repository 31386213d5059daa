/* SPDX-License-Identifier: Apache-2.0 */
#include "init/timekeeper.h"

#include <stdio.h>

#include "base/text.h"

#define SECOND_US   1000000ll
#define SLEW_MOST   500000 /* microseconds; further off the clock is set */
#define STEADY_MOST 20000  /* microseconds; a clock that is no further off needs asking less often */
#define WRITE_MS    3600000ull
/* Sooner than the floor by this much is measuring, not a lie. */
#define FLOOR_SLACK_US 1000000ll
#define DAY_S          86400

static int64_t now_us(const struct timekeeper *t)
{
    return t->ops.now_us(t->ops.self);
}

/* "2026-11-22 14:03:05 UTC" */
static void add_time(struct buf *out, int64_t unix_s)
{
    char text[TIME_TEXT + 1];
    time_write(unix_s, text);
    buf_print(out, "%.10s %.8s UTC", text, text + 11);
}

static void add_offset(struct buf *out, int64_t us)
{
    uint64_t size = (uint64_t)(us < 0 ? -us : us);
    buf_print(out, "%c%llu.%03llu s", us < 0 ? '-' : '+', (unsigned long long)(size / 1000000),
              (unsigned long long)(size / 1000 % 1000));
}

static void believe(struct timekeeper *t, int64_t us)
{
    t->anchor_us = us;
    t->anchor_mono_us = t->ops.mono_us(t->ops.self);
}

/* What the clock would be now if only time had passed since it was believed. */
static int64_t believed_us(const struct timekeeper *t)
{
    return t->anchor_us + (int64_t)(t->ops.mono_us(t->ops.self) - t->anchor_mono_us);
}

/* The clock is below the floor: whatever it said, it was wrong. */
static void raise_clock(struct timekeeper *t, int64_t said_s)
{
    struct buf out = buf_over(t->fault, sizeof t->fault - 1);
    memset(t->fault, 0, sizeof t->fault);
    buf_add_text(&out, "the battery clock says ");
    add_time(&out, said_s);
    buf_add_text(&out, ": it was set to ");
    add_time(&out, t->floor_s);
    buf_add_text(&out, "; set a time server, or replace the battery");
    t->source = TIME_FROM_FLOOR;
    believe(t, t->floor_s * SECOND_US);
    if (!t->ops.step(t->ops.self, t->floor_s * SECOND_US))
        snprintf(t->fault, sizeof t->fault, "the clock is wrong and cannot be set");
    log_write(t->log, LOG_WARNING, "clock", "%s", t->fault);
}

void timekeeper_init(struct timekeeper *t, const struct time_ops *ops, struct log *log, int64_t release_s,
                     struct clock now)
{
    memset(t, 0, sizeof *t);
    t->ops = *ops;
    t->log = log;
    t->release_s = t->floor_s = release_s;
    t->has_rtc = true;
    t->write_ms = now.mono_ms + WRITE_MS;
    sntp_init(&t->sntp, &t->ops);
    t->began_s = now_us(t) / SECOND_US;
    t->source = TIME_FROM_BATTERY;
    believe(t, now_us(t));
    if (t->began_s < t->floor_s)
        raise_clock(t, t->began_s);
}

void timekeeper_floor(struct timekeeper *t, int64_t stored_s)
{
    t->stored_s = stored_s;
    if (stored_s <= t->floor_s)
        return;
    t->floor_s = stored_s;
    int64_t said_s = t->source == TIME_FROM_FLOOR ? t->began_s : now_us(t) / SECOND_US;
    if (now_us(t) / SECOND_US < t->floor_s)
        raise_clock(t, said_s);
}

void timekeeper_apply(struct timekeeper *t, const struct net *net, uint64_t max_step_ms, struct clock now)
{
    char names[NET_SERVERS][NET_NAME_MAX + 1];
    struct ip dns[NET_SERVERS];
    if (max_step_ms != t->max_step_ms)
        sntp_hurry(&t->sntp, now); /* what was refused may be good now */
    t->max_step_ms = max_step_ms;
    size_t dns_count = net_name_servers(net, dns);
    size_t count = net_time_servers(net, names);
    sntp_apply(&t->sntp, names, count, dns, dns_count, now);
    /* A round that found no network is not waited out. */
    bool is_up = net_is_up(net);
    if (is_up && !t->net_was_up && t->sntp.empty_rounds != 0)
        sntp_hurry(&t->sntp, now);
    t->net_was_up = is_up;
}

void timekeeper_hurry(struct timekeeper *t, struct clock now)
{
    sntp_hurry(&t->sntp, now);
}

size_t timekeeper_poll(const struct timekeeper *t, struct pollfd *fds, size_t cap, uint64_t *deadline_ms)
{
    if (t->write_ms < *deadline_ms)
        *deadline_ms = t->write_ms;
    return sntp_poll(&t->sntp, fds, cap, deadline_ms);
}

static void write_out(struct timekeeper *t, struct clock now)
{
    t->write_ms = now.mono_ms + WRITE_MS;
    timekeeper_store(t);
}

void timekeeper_store(struct timekeeper *t)
{
    if (t->source != TIME_FROM_SERVER)
        return; /* a floor that nobody vouched for would lock the right time out */
    int64_t now_s = now_us(t) / SECOND_US;
    t->has_rtc = t->ops.write_rtc(t->ops.self, now_s);
    if (!t->ops.store(t->ops.self, now_s))
        log_write(t->log, LOG_WARNING, "clock", "the last good time was not stored");
    else if (now_s > t->stored_s)
        t->stored_s = now_s;
}

/* A time that is not taken: said once, and shown until a good one comes. */
static void refuse(struct timekeeper *t, const char *server, int64_t said_us, bool ahead)
{
    char fault[sizeof t->fault], when[TIME_TEXT + 1];
    int64_t said_s = said_us / SECOND_US;
    time_write(said_s, when);
    if (ahead) {
        int64_t by_s = (said_us - believed_us(t)) / SECOND_US;
        snprintf(fault, sizeof fault,
                 "time server %s says %.10s, %lld %s ahead; not believed; see set time max-step", server,
                 when, (long long)(by_s >= DAY_S ? by_s / DAY_S : by_s / 60),
                 by_s >= DAY_S ? "days" : "minutes");
    } else {
        char floor[TIME_TEXT + 1];
        time_write(t->floor_s, floor);
        snprintf(fault, sizeof fault, "time server %s says %.10s, before %s of %.10s; not believed", server,
                 when, t->floor_s == t->release_s ? "this release" : "the last good time", floor);
    }
    if (strcmp(fault, t->fault) != 0)
        log_write(t->log, LOG_WARNING, "clock", "%s", fault);
    memcpy(t->fault, fault, sizeof fault);
}

/* True: the clock was stepped. */
static bool set_clock(struct timekeeper *t, int64_t offset_us, const char *server, struct clock now)
{
    char from[TIME_TEXT + 1], to[TIME_TEXT + 1];
    bool first = t->source != TIME_FROM_SERVER;
    bool step = offset_us > SLEW_MOST || offset_us < -SLEW_MOST ||
                (first && (offset_us > 128000 || offset_us < -128000));
    int64_t before = now_us(t), after = before + offset_us;
    bool good = step ? t->ops.step(t->ops.self, after) : t->ops.slew(t->ops.self, offset_us);
    if (!good) {
        snprintf(t->fault, sizeof t->fault, "the clock cannot be set");
        return false;
    }
    /* The first server's time counts from now on, also when it sets the clock back. Later ones move what is
     * believed only by what a clock may drift. */
    if (first)
        believe(t, after);
    else if (!step)
        t->anchor_us += offset_us;
    t->source = TIME_FROM_SERVER;
    t->fault[0] = 0;
    t->offset_us = offset_us;
    t->synchronized_ms = now.mono_ms;
    snprintf(t->server, sizeof t->server, "%s", server);
    time_write(before / SECOND_US, from);
    time_write(after / SECOND_US, to);
    if (step)
        log_write(t->log, LOG_INFO, "clock", "set from %s to %s, by time server %s", from, to, server);
    else if (first)
        log_write(t->log, LOG_INFO, "clock", "time server %s agrees with the clock", server);
    if (step || first)
        write_out(t, now);
    return step;
}

bool timekeeper_turn(struct timekeeper *t, struct clock now)
{
    int64_t offset_us;
    size_t best;
    if (now.mono_ms >= t->write_ms)
        write_out(t, now);
    if (!sntp_turn(&t->sntp, t->floor_s, now, &offset_us, &best))
        return false;
    const char *server = t->sntp.servers[best].name;
    int64_t said_us = now_us(t) + offset_us;
    if (said_us < t->floor_s * SECOND_US - FLOOR_SLACK_US) {
        refuse(t, server, said_us, false);
        sntp_settle(&t->sntp, false, now);
        return false;
    }
    /* A clock that stood at the floor knows nothing: the first server may set it ahead by any time. */
    bool bounded = t->source != TIME_FROM_FLOOR;
    if (bounded && said_us - believed_us(t) > (int64_t)t->max_step_ms * 1000) {
        refuse(t, server, said_us, true);
        sntp_settle(&t->sntp, false, now);
        return false;
    }
    sntp_settle(&t->sntp, offset_us < STEADY_MOST && offset_us > -STEADY_MOST, now);
    return set_clock(t, offset_us, server, now);
}

bool timekeeper_synchronized(const struct timekeeper *t)
{
    return t->source == TIME_FROM_SERVER;
}

void timekeeper_write_line(const struct timekeeper *t, struct buf *out)
{
    add_time(out, now_us(t) / SECOND_US);
    if (t->source == TIME_FROM_SERVER) {
        buf_print(out, ", from %s, ", t->server);
        add_offset(out, t->offset_us);
    } else {
        buf_add_text(out, t->source == TIME_FROM_BATTERY ? ", from battery clock, not verified"
                                                         : ", a guess: the battery clock was wrong");
    }
}

static void write_server(const struct sntp_server *s, struct clock now, struct buf *out)
{
    char address[IP_TEXT + 1];
    ip_write(&s->ip, address);
    buf_print(out, "server       %s", s->name);
    if (s->is_name && address[0] != 0)
        buf_print(out, " (%s)", address);
    if (s->has_answer) {
        buf_add_text(out, "\n             offset ");
        add_offset(out, s->offset_us);
        buf_print(out, ", delay %u.%u ms, stratum %u, %llu s ago", (unsigned)(s->delay_us / 1000),
                  (unsigned)(s->delay_us / 100 % 10), s->stratum,
                  (unsigned long long)((now.mono_ms - s->answer_ms) / 1000));
    }
    if (s->why[0] != 0 && s->fd < 0)
        buf_print(out, "\n             %s", s->why);
    buf_add_text(out, "\n");
}

void timekeeper_write(const struct timekeeper *t, struct clock now, struct buf *out)
{
    buf_add_text(out, "clock        ");
    timekeeper_write_line(t, out);
    buf_add_text(out, "\nnot before   ");
    add_time(out, t->floor_s);
    buf_add_text(out, t->floor_s == t->release_s ? " (this release)\n" : " (the last good time)\n");
    buf_add_text(out, "at the start ");
    add_time(out, t->began_s);
    buf_print(out, "\nmax-step     %llu min\n", (unsigned long long)(t->max_step_ms / 60000));
    if (!t->has_rtc)
        buf_add_text(out, "battery      the battery clock cannot be set\n");
    if (t->synchronized_ms != 0)
        buf_print(out, "synchronized %llu s ago, asked every %u s\n",
                  (unsigned long long)((now.mono_ms - t->synchronized_ms) / 1000), t->sntp.poll_s);
    for (size_t i = 0; i < t->sntp.count; i++)
        write_server(&t->sntp.servers[i], now, out);
    if (t->sntp.count == 0)
        buf_add_text(out, "server       none; set time ntp, or let DHCP name one\n");
    if (t->fault[0] != 0)
        buf_print(out, "fault        %s\n", t->fault);
}

bool timekeeper_fault(const struct timekeeper *t, struct buf *out)
{
    buf_add_text(out, t->fault);
    return t->fault[0] != 0;
}
