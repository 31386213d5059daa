/* SPDX-License-Identifier: Apache-2.0 */
/* `?`, Tab and the topics of help. */
#ifndef HOLDFAST_CONSOLE_HELP_H
#define HOLDFAST_CONSOLE_HELP_H

#include "base/buf.h"

/* For struct line_how; the context is the session. */
void help_line(void *session, struct span text);
bool help_complete(void *session, struct span text, struct buf *more);

#endif
