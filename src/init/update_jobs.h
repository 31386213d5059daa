/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs about updates, boots and restarts. */
#ifndef HOLDFAST_INIT_UPDATE_JOBS_H
#define HOLDFAST_INIT_UPDATE_JOBS_H

#include "init/job.h"
#include "init/update.h"

job_run show_boot_job;
job_run show_update_job;
job_run update_check_job;
/* update from usb [FILE], update from URL */
job_run update_from_job;
job_run update_apply_job;
job_run update_rollback_job;
job_run restart_job;
job_run halt_job;
/* In process 1: the box goes down. */
void power_done(struct box *box, bool good);
void halt_done(struct box *box, bool good);

/* What update.h wants to know of this box. `room` holds the names for as long. */
struct update_names {
    char device[64];
};
struct update_box update_box_of(const struct box *box, struct update_names *room);

/* The state of the server when an update was applied, to compare with after the restart. */
#define BEFORE_FILE DATA_FOLDER "/before-update"

#endif
