/* SPDX-License-Identifier: Apache-2.0 */
/* How a box gets its first revision: `setup` at a console, or a seed on a stick or in the boot partition. */
#ifndef HOLDFAST_INIT_PROVISION_H
#define HOLDFAST_INIT_PROVISION_H

#include "init/job.h"

job_run setup_job;
void setup_done(struct box *box, bool good);

/* Looks for a seed while the box is not set up: at its start, and when a volume appears. */
void provision_turn(struct box *box, uint64_t *deadline_ms);

#endif
