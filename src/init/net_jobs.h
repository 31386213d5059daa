/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that ask the network: test network, test time, ping ADDRESS, resolve NAME. */
#ifndef HOLDFAST_INIT_NET_JOBS_H
#define HOLDFAST_INIT_NET_JOBS_H

#include "init/job.h"

job_run test_network_job;
job_run test_time_job;
job_run ping_job;
job_run resolve_job;

#endif
