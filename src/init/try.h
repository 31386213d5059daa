/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wizard's live tests on a box that is not set up: the candidate's network is put in force, and a server
 * of its own runs on the candidate in memory, with nothing stored.
 */
#ifndef HOLDFAST_INIT_TRY_H
#define HOLDFAST_INIT_TRY_H

#include "init/job.h"

/* In process 1, before the job: the network of the candidate comes into force. NULL, or what is wrong. */
const char *try_network_begin(struct box *box, struct span body);
job_run try_network_job;
job_run try_keymanager_job;
job_run try_certificate_job;

/* The same for a setup whose certificates nobody has asked for before; `config`: `set` lines. */
MUST_USE bool try_prepare_certificate(struct box *box, struct span config, int out, char *why, size_t cap);

#endif
