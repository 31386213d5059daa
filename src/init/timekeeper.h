/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the clock may be trusted for. At a start the kernel has the battery clock's time; it is never left
 * below the floor (when this release was made, or the last time known good). Time servers then say the time,
 * within bounds: never below the floor, and never further ahead than max-step of what was believed before.
 * TLS and the dates of certificates rest on it, and nobody vouches for time servers.
 */
#ifndef HOLDFAST_INIT_TIMEKEEPER_H
#define HOLDFAST_INIT_TIMEKEEPER_H

#include "base/log.h"
#include "init/net.h"
#include "init/sntp.h"

#define TIMEKEEPER_FDS SNTP_FDS

enum time_source {
    TIME_FROM_BATTERY, /* the battery clock, at or above the floor */
    TIME_FROM_FLOOR,   /* it was below, and set to the floor */
    TIME_FROM_SERVER
};

struct timekeeper {
    struct time_ops ops;
    struct log *log;
    struct sntp sntp;
    enum time_source source;
    int64_t release_s, stored_s; /* seconds since 1970 */
    int64_t floor_s;             /* the later of the two */
    int64_t began_s;             /* what the battery clock said */
    uint64_t max_step_ms;
    /* What was believed: a time of the clock and the moment of the clock that nobody sets. How far ahead a
     * server may set the clock counts from here, so that many small steps are one large one. */
    int64_t anchor_us;
    uint64_t anchor_mono_us;
    char server[NET_NAME_MAX + 1]; /* that the time is from */
    int64_t offset_us;             /* at its last answer */
    uint64_t synchronized_ms;      /* 0: never */
    uint64_t write_ms;             /* when to write battery clock and floor */
    bool has_rtc, net_was_up;
    char fault[160]; /* "": none */
};

/* `release_s`: when this release was made. Sets the clock to it when it is below. */
void timekeeper_init(struct timekeeper *t, const struct time_ops *ops, struct log *log, int64_t release_s,
                     struct clock now);
/* The last time known good (time_stored_read), 0 for none: raises the floor, and the clock when it is below.
 */
void timekeeper_floor(struct timekeeper *t, int64_t stored_s);
/* The servers in force (net_time_servers, net_name_servers) and time max-step. Cheap when they are the same,
 * so it may be called every turn: a lease brings others. */
void timekeeper_apply(struct timekeeper *t, const struct net *net, uint64_t max_step_ms, struct clock now);
/* Asks the servers now: the network has come up. */
void timekeeper_hurry(struct timekeeper *t, struct clock now);

size_t timekeeper_poll(const struct timekeeper *t, struct pollfd *fds, size_t cap, uint64_t *deadline_ms);
/* True: the clock was stepped, and what counts on wall time has to look again. */
bool timekeeper_turn(struct timekeeper *t, struct clock now);

/* Writes battery clock and floor now, when the time is from a server: before a restart. */
void timekeeper_store(struct timekeeper *t);

bool timekeeper_synchronized(const struct timekeeper *t);
/* "2026-11-22 14:03:05 UTC, from 192.0.2.1, +0.002 s" */
void timekeeper_write_line(const struct timekeeper *t, struct buf *out);
/* show time */
void timekeeper_write(const struct timekeeper *t, struct clock now, struct buf *out);
/* One line; false: no fault. */
bool timekeeper_fault(const struct timekeeper *t, struct buf *out);

/* ---- timekeeper_linux.c: the machine's own clock ---- */

/* `store_path` (/data/clock) lives as long as the ops. */
struct time_ops time_ops_linux(const char *store_path);
/* The time in the file; 0: none, or not one. */
int64_t time_stored_read(const char *path);

#endif
