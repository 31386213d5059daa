/* SPDX-License-Identifier: Apache-2.0 */
/* What banner and prompt need to know of this box: the answers to `state` of init (src/init/PROTOCOL.md) and
 * to `show state` of serve. */
#ifndef HOLDFAST_CONSOLE_STATE_H
#define HOLDFAST_CONSOLE_STATE_H

#include "base/span.h"

#define STATE_PORTS     8
#define STATE_ADDRESSES 8
#define STATE_FAULTS    4
#define STATE_TEXT      168 /* init's longest fault */

struct state_port {
    char name[20], mac[20];
    bool up;
    char speed[24];
};

struct box_state {
    bool answered; /* init has */
    char name[72], version[40], board[40], serial[40];
    bool configured, locked;
    bool no_data; /* the data partition is not there or damaged */
    unsigned revision;
    unsigned trial_s; /* 0: none on trial */
    unsigned idle_s;
    unsigned login_wait_s;
    uint64_t newest_log;
    size_t port_count, address_count, fault_count;
    struct state_port ports[STATE_PORTS];
    char addresses[STATE_ADDRESSES][STATE_TEXT];
    char tpm[STATE_TEXT], random[STATE_TEXT], clock[STATE_TEXT], banner[STATE_TEXT];
    char faults[STATE_FAULTS][STATE_TEXT];
    bool starting;    /* the server has not answered process 1 since its start */
    char serving[24]; /* READY, GRACE ... of serve; "" when it does not answer */
};

void state_clear(struct box_state *state);
/* One line of init's answer. Unknown keys are passed over; what is not printable becomes '.'. */
void state_take(struct box_state *state, struct span line);
/* One line of serve's answer: its first word in capitals is the state. */
void state_take_serving(struct box_state *state, struct span line);

/*
 * Thumbprints in any text of certificates: fed line by line, found wherever 20 or 32 bytes stand apart by
 * colons, those of 32 also on two lines.
 */
#define THUMBPRINTS 4
struct thumbprints {
    size_t count;
    struct thumbprint {
        char kind[8]; /* RSA, ECDSA, or "" */
        uint8_t sha1[20], sha256[32];
        bool has_sha1, has_sha256;
    } print[THUMBPRINTS];
    char kind[8];
    uint8_t half[16];
    bool has_half;
};
void thumbprints_take(struct thumbprints *prints, struct span line);

#endif
