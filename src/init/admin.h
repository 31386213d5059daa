/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's passphrase: kept as a slow hash, with the count of wrong tries since the last right
 * one. */
#ifndef HOLDFAST_INIT_ADMIN_H
#define HOLDFAST_INIT_ADMIN_H

#include "base/span.h"
#include "base/status.h"

/* Stores a new one. False with a text in why. In a job: hashing takes about half a second. */
MUST_USE bool admin_store(struct span passphrase, char *why, size_t cap);

/*
 * Counts a failure on the disk first, hashes, and takes the count back when the passphrase is right:
 * switching the box off in between does not make a try free. STATUS_REFUSED: wrong; STATUS_FAILED: the file
 * cannot be used.
 */
MUST_USE enum status admin_check(struct span passphrase);

/* Forgets the failures, after another proof. */
void admin_forgive(void);
/* Wrong tries in a row; 0 without a file. */
uint32_t admin_failures(void);
/* Seconds to wait behind so many: 0, 1, 2, 4 ... 60. */
uint32_t admin_wait(uint32_t failures);

#endif
