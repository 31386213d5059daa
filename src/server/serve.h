/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the server. */
#ifndef HOLDFAST_SERVER_SERVE_H
#define HOLDFAST_SERVER_SERVE_H

#include "server/server.h"

/*
 * Reads the configuration file into server->config. False with "FILE:LINE: reason" in why: nothing of it is
 * to be used. Lines about clients belong into the clients file and are refused here.
 */
MUST_USE bool serve_read_config(struct server *server, const char *path, char *why, size_t why_cap);

/* Adds up all pools of the server as configured: server->region is the plan. */
void serve_plan(struct server *server);

/*
 * Reads the 32 bytes of the state key from server->state_key_fd, without moving its place, and closes it;
 * nothing to do when that is 0. False with a text in why.
 */
MUST_USE bool serve_read_state_key(struct server *server, char *why, size_t why_cap);

/* Runs until asked to stop. Returns the exit code: 0 stopped, 1 could not start, 3 stopped by trouble. `ops`
 * NULL: the real disk. */
int serve_run(struct server *server, const struct disk_ops *ops);

#endif
