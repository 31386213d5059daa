/* SPDX-License-Identifier: Apache-2.0 */
#include "server/small_file.h"

#include <stdio.h>

#include "base/wipe.h"
#include "server/clients_file.h"

uint64_t small_file_replace(struct server *s, const char *name, struct span content, const char **why)
{
    struct disk_request part = {.op = DISK_PART}, replace = {.op = DISK_REPLACE};
    uint64_t ticket = 0;
    snprintf(replace.name, sizeof replace.name, "%s", name);
    /* New content grows under one name, whosever it is: nothing may come between its parts. */
    *why = "the clients file is being written; try again";
    if (clients_file_busy(s))
        return 0;
    *why = "the disk is busy; try again";
    if (disk_send(&s->disk, &part, content) != 0)
        ticket = disk_send(&s->disk, &replace, span_of(NULL, 0));
    return ticket;
}

uint64_t small_file_replace_secret(struct server *s, const char *name, struct span secret, const char **why)
{
    uint8_t file[DISK_BYTES_MAX];
    struct buf content = buf_over(file, sizeof file);
    uint64_t ticket = 0;
    vault_write(&s->vault, name, secret, &content);
    *why = "the secret is too large for its file";
    if (!content.full)
        ticket = small_file_replace(s, name, buf_span(&content), why);
    wipe(file, sizeof file);
    return ticket;
}
