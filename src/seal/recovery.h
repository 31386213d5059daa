/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery key as a person writes it down and types it: 256 bits as 64 letters of "cbdefghijklnrtuv",
 * sixteen letters that sit in the same place on most keyboards, in eight groups of eight.
 */
#ifndef HOLDFAST_SEAL_RECOVERY_H
#define HOLDFAST_SEAL_RECOVERY_H

#include "base/span.h"
#include "base/status.h"

#define RECOVERY_BYTES 32
#define RECOVERY_TEXT  71 /* 8 groups of 8 letters joined by '-', without a NUL */
#define RECOVERY_LINE  35 /* four groups: half of it */
#define RECOVERY_WHY   80

void recovery_write(const uint8_t key[RECOVERY_BYTES], char text[RECOVERY_TEXT + 1]);

/* The same as two lines of four groups, which fit beside other text on a console. */
void recovery_write_lines(const uint8_t key[RECOVERY_BYTES], char first[RECOVERY_LINE + 1],
                          char second[RECOVERY_LINE + 1]);

/*
 * Reads what a person typed: either case; blanks, dashes and line ends wherever they are. STATUS_MALFORMED:
 * why names the first group that is wrong, never its letters, and key is zeros.
 */
MUST_USE enum status recovery_read(struct span text, uint8_t key[RECOVERY_BYTES], char why[RECOVERY_WHY]);

#endif
