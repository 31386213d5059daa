/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs about revisions: looked at, checked, stored. */
#ifndef HOLDFAST_INIT_COMMIT_H
#define HOLDFAST_INIT_COMMIT_H

#include "init/job.h"

/*
 * Everything that can be said about a candidate without putting it in force: its grammar and network here,
 * the rest by `holdfast check` as user serve. The `set` lines of `body`; `config` is what they say.
 */
MUST_USE bool candidate_check(struct span body, int out, struct config *config, char *why, size_t cap);

job_run check_job;
/* commit [confirm MINUTES] [note TEXT] */
job_run commit_job;
void commit_done(struct box *box, bool good);
/* config [N] */
job_run config_job;

/* Minutes of "confirm MINUTES" among the words; 0 without. */
unsigned commit_minutes(const struct span *words, size_t count);

#endif
