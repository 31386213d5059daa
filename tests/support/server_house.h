/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server without a process: its memory, a store with the local key manager on a disk in memory, a
 * clock that the test moves, connections and consoles over socket pairs.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_SERVER_HOUSE_H
#define HOLDFAST_TESTS_SUPPORT_SERVER_HOUSE_H

#include "server/server.h"
#include "support/server_peer.h"
#include "support/sim_disk.h"
#include "support/tame_disk.h"

#define HOUSE_CONNECTIONS 12
#define HOUSE_PER_SOURCE  4
#define HOUSE_OBJECTS     512
/* Turns that a story may take before the test gives up. */
#define HOUSE_PATIENCE 500

struct house {
    struct server server;
    uint8_t *memory;
    struct sim_disk *sim;
    struct tame_disk disk;
    bool disk_frozen; /* the disk process answers nothing */
    char log[65536];
};

/* The lease is ready, spare keys are made, no client is enrolled. The test frees it. */
struct house *house_new(void);
void house_free(struct house *house);

/* One turn of the loop, `ms` later. */
void house_turn(struct house *house, uint64_t ms);
/* What the server has logged so far. */
const char *house_log(struct house *house);

/* A connection from the address 192.0.2.<host>; the peer has begun its handshake. */
struct conn *house_connect(struct house *house, struct peer *peer, uint8_t host,
                           const struct peer_identity *identity);
/* Turns until the peer's handshake has ended; whether it is open. */
bool house_shake(struct house *house, struct peer *peer);
/* Turns until `len` bytes have arrived or nothing more comes; how many. */
size_t house_receive(struct house *house, struct peer *peer, uint8_t *out, size_t len);
/* The same for one whole KMIP message. */
size_t house_answer(struct house *house, struct peer *peer, uint8_t *out, size_t cap);
/* Turns until the server has closed the connection to this peer. */
bool house_closed(struct house *house, struct peer *peer);

/* A console that connects to the control socket; the test's end. Gets the first free place, if there is one.
 */
int house_console(struct house *house);
/* Sends text to a console and returns what it says until its next OK or ERR line and no more comes. */
const char *house_say(struct house *house, int fd, const char *text);

#endif
