/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "init/health.h"

#define TIMEOUT_S 60

void watchdog_open(struct box *box)
{
    int seconds = TIMEOUT_S;
    box->watchdog_fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    if (box->watchdog_fd < 0) {
        log_write(&box->log, LOG_INFO, "init", "this board has no watchdog");
        return;
    }
    if (ioctl(box->watchdog_fd, (int)WDIOC_SETTIMEOUT, &seconds) != 0)
        log_write(&box->log, LOG_WARNING, "init", "the watchdog keeps its own time of %d seconds", seconds);
}

void watchdog_turn(struct box *box)
{
    if (box->watchdog_fd >= 0 && !health_is_hopeless(box))
        ioctl(box->watchdog_fd, (int)WDIOC_KEEPALIVE, 0);
}
