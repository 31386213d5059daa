/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a box new: everything local is erased, and the data partition is as it was when the image was
 * flashed. The keys are safe in the key manager (but for those of the embedded one).
 */
#ifndef HOLDFAST_INIT_ERASE_H
#define HOLDFAST_INIT_ERASE_H

#include "init/job.h"

/*
 * reset SERIAL: for somebody who cannot log in. The first time it leaves a mark on the boot partition; after
 * the box was switched off and on, within five minutes of its start, the same command erases. Nobody can do
 * that without standing in front of the box, or being its virtual machine's owner.
 */
job_run reset_job;
/* wipe SERIAL: for the administrator; at once. */
job_run wipe_job;
/* The job has said that it is to be done: the box goes down, and erases on its way. */
void erase_done(struct box *box, bool good);

/* With nothing mounted any more: overwrites the partition, then writes the file system that the image came
 * with. False: it could not be written. */
bool erase_data(const struct box *box);

#endif
