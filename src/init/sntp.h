/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks up to three time servers in rounds and tells the offset of the clock that their answers agree on. What
 * is done with it is the timekeeper's business. Never waits.
 */
#ifndef HOLDFAST_INIT_SNTP_H
#define HOLDFAST_INIT_SNTP_H

#include <poll.h>

#include "init/resolver.h"
#include "init/sntp_message.h"

#define SNTP_FDS       (NET_SERVERS + 1)
#define SNTP_WAIT_MS   3000 /* for answers of one round */
#define SNTP_POLL_S    64   /* between two rounds, at first ... */
#define SNTP_POLL_MOST 1024 /* ... and when the clock runs well */

/* The clock, and everything that is done to it; a test has one of its own. */
struct time_ops {
    void *self;
    int64_t (*now_us)(void *self);                 /* microseconds since 1970 */
    uint64_t (*mono_us)(void *self);               /* of a clock that is never set */
    bool (*step)(void *self, int64_t unix_us);     /* sets the clock */
    bool (*slew)(void *self, int64_t offset_us);   /* lets it run a little faster or slower */
    bool (*write_rtc)(void *self, int64_t unix_s); /* the battery clock; false: there is none */
    bool (*store)(void *self, int64_t unix_s);     /* the floor of the next start */
};

struct sntp_server {
    char name[NET_NAME_MAX + 1]; /* as it is set */
    struct ip ip;                /* len 0: not known yet */
    bool is_name;
    int fd; /* -1: no answer is waited for */
    uint8_t nonce[SNTP_NONCE_BYTES];
    int64_t sent_us;
    uint64_t sent_mono_us;
    uint64_t silent_until_ms; /* it asked not to be asked */
    unsigned failures;        /* since its last answer */
    bool answered;            /* in this round */
    bool has_answer;          /* ever */
    uint64_t answer_ms;
    int64_t offset_us;
    uint32_t delay_us;
    uint8_t stratum;
    char why[64]; /* of its last failure */
};

enum sntp_phase { SNTP_IDLE, SNTP_RESOLVING, SNTP_ASKING };

struct sntp {
    const struct time_ops *ops;
    enum sntp_phase phase;
    size_t count, resolving;
    struct sntp_server servers[NET_SERVERS];
    size_t dns_count;
    struct ip dns[NET_SERVERS];
    struct resolver resolver;
    int64_t pivot_s;
    uint64_t next_ms; /* the next round, or the end of this one */
    uint32_t poll_s;
    unsigned empty_rounds;
};

void sntp_init(struct sntp *sntp, const struct time_ops *ops);
/* Other servers; the first round begins at once. Equal ones change nothing. */
void sntp_apply(struct sntp *sntp, char names[][NET_NAME_MAX + 1], size_t count, const struct ip *dns,
                size_t dns_count, struct clock now);
/* A round at once: the network is up again, or somebody asks. */
void sntp_hurry(struct sntp *sntp, struct clock now);

size_t sntp_poll(const struct sntp *sntp, struct pollfd *fds, size_t cap, uint64_t *deadline_ms);
/* True: a round has ended with answers; *offset_us is how far the clock is behind, *best whose answer it is.
 */
bool sntp_turn(struct sntp *sntp, int64_t pivot_s, struct clock now, int64_t *offset_us, size_t *best);
/* What came of the offset: when it was small, rounds become rarer. */
void sntp_settle(struct sntp *sntp, bool steady, struct clock now);

#endif
