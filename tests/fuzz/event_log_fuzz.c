/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's log of measurements, as a file. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/steady_random.h"
#include "seal/event_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct event_log log;
    struct tpm_pcrs out;
    struct event_swap swap = {.used = 0};
    steady_random_begin();
    int file = memfd_create("log", 0);
    need(file >= 0 && write(file, data, len) == (ssize_t)len && lseek(file, 0, SEEK_SET) == 0);
    enum status status = event_log_read(file, 0xffffff, &log);
    close(file);
    need(log.count <= EVENT_LOG_EVENTS && (status == STATUS_OK || log.count == 0));
    need(status != STATUS_FAILED);
    for (size_t i = 0; i < log.count; i++)
        need(log.event[i].pcr < TPM_PCRS && log.event[i].type != 3);
    event_log_replay(&log, 0xffffff, &swap, 1, &out);
    need(swap.used <= log.count);
    return 0;
}
