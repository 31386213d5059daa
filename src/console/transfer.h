/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as text for another box, or for this one after a repair: no secrets, lines of this device
 * marked with @, a count and a digest at the end. */
#ifndef HOLDFAST_CONSOLE_TRANSFER_H
#define HOLDFAST_CONSOLE_TRANSFER_H

#include "console/session.h"

/* The file on a stick, unless another is named. */
#define TRANSFER_FILE "holdfast.conf"

/* Reads a pasted export (file NULL) or one from a stick into the candidate: all of it, or nothing. Prints
 * what it did; false with why. */
bool transfer_import(struct session *session, const char *file);

#endif
