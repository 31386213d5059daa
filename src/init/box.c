/* SPDX-License-Identifier: Apache-2.0 */
#include "init/box.h"

#include <stdio.h>

void box_fault(struct box *box, enum fault kind, const char *text)
{
    char *place = box->faults[kind];
    if (text == NULL) {
        place[0] = 0;
        return;
    }
    if (strncmp(place, text, FAULT_TEXT - 1) == 0)
        return;
    snprintf(place, FAULT_TEXT, "%.*s", FAULT_TEXT - 1, text);
    log_write(&box->log, LOG_WARNING, "init", "%s", text);
}
