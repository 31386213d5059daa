/* SPDX-License-Identifier: Apache-2.0 */
/* Writes real logs (the first argument is a folder) for make_seeds.py: objects of every kind, changed and
 * destroyed. */
#include <stdio.h>
#include <stdlib.h>

#include "support/world.h"

static void keep(struct world *w, const char *folder, const char *log)
{
    char path[300], name[SEGMENT_NAME];
    size_t len;
    segment_name(log, 1, name);
    const uint8_t *bytes = sim_disk_file(w->sim, name, &len);
    snprintf(path, sizeof path, "%s/%s.log", folder, log);
    FILE *file = fopen(path, "w");
    if (bytes == NULL || file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    uint8_t uid[UUID_BYTES], other[UUID_BYTES];
    if (argc != 2)
        return 2;
    struct world *w = world_new(&(struct world_options){.local = true});
    if (!world_settle(w) || do_create(w, "one", uid) != REASON_NONE ||
        do_add_text(w, uid, "x-Name", "vm") != REASON_NONE ||
        do_uid(w, OPERATION_ACTIVATE, uid) != REASON_NONE || do_create(w, "two", other) != REASON_NONE ||
        do_revoke(w, uid, REVOCATION_KEY_COMPROMISE) != REASON_NONE ||
        do_uid(w, OPERATION_DESTROY, other) != REASON_NONE)
        return 1;
    world_wait(w, 5000);
    keep(w, argv[1], "journal");
    keep(w, argv[1], "records");
    world_free(w);
    return 0;
}
