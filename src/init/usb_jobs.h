/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs about a stick: usb list, usb read FILE, usb write FILE with a body. */
#ifndef HOLDFAST_INIT_USB_JOBS_H
#define HOLDFAST_INIT_USB_JOBS_H

#include "init/job.h"
#include "init/usb.h"

job_run usb_list_job;
job_run usb_read_job;
job_run usb_write_job;

/* Where sticks are looked for on this box. */
struct usb_place usb_place_of(const struct box *box);

#endif
