/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/power.h"

#include <sys/reboot.h>
#include <unistd.h>

#include "init/boot.h"
#include "init/erase.h"
#include "init/supervise.h"
#include "init/watchdog.h"

_Noreturn void power_down(struct box *box)
{
    watchdog_turn(box);
    timekeeper_store(&box->time);
    supervise_stop_all(box);
    for (int i = 0; i < 50 && !boot_unmount_data(); i++)
        usleep(100000);
    if (box->erase && !erase_data(box))
        log_write(&box->log, LOG_ERROR, "init", "the data partition could not be erased");
    sync();
    reboot(box->halt ? RB_POWER_OFF : RB_AUTOBOOT);
    for (;;) /* the kernel had no way; the watchdog has */
        pause();
}
