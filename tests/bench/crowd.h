/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All the peers of one run under one epoll. A rule, given by the mode, decides what a peer does after each
 * event; the crowd moves bytes and waits, it decides nothing.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "peer.h"

struct crowd;
typedef void crowd_rule(void *context, struct crowd *c, struct peer *p, enum peer_event event);

struct crowd {
    const struct options *options;
    SSL_CTX *identity;
    int epoll;
    unsigned peers;
    unsigned waiting; /* peers that will be opened again a little later */
    struct peer *peer;
    uint64_t *retry_ns; /* by peer index; 0: not waiting */
    crowd_rule *rule;
    void *context;
};

/* Ends the process if memory or descriptors do not suffice. No peer is opened yet. */
void crowd_make(struct crowd *c, const struct options *o, unsigned peers, crowd_rule *rule, void *context);

/* Closes all that is open and frees the peers. */
void crowd_end(struct crowd *c);

/* Opens a closed peer; if that fails at once, later. */
void crowd_open(struct crowd *c, struct peer *p);
void crowd_open_all(struct crowd *c);

/* Opens a closed peer after a pause, so that refused connections do not become a busy loop. */
void crowd_open_later(struct crowd *c, struct peer *p);

/* An idle peer sends its request; the rule hears of it if the connection is lost at that. */
void crowd_ask(struct crowd *c, struct peer *p);

/* One turn: waits at most until the given time, then lets every ready peer advance. */
void crowd_turn(struct crowd *c, uint64_t until_ns);

#endif
