/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded key manager, for workstations, tests and sites without a cloud. Its root key is a file of 32
 * bytes, sealed when there is a vault; keys are wrapped with AES-256-GCM, the Unique Identifier as associated
 * data. Records are appended to the log `records`. Removing the root key's file revokes every key within the
 * check interval, as deleting a root key in a cloud does.
 */
#ifndef HOLDFAST_KEYMGR_LOCAL_H
#define HOLDFAST_KEYMGR_LOCAL_H

#include "base/region.h"
#include "crypto/vault.h"
#include "disk/log_writer.h"
#include "keymgr/keymgr.h"

#define LOCAL_ROOT_KEY_FILE "root.key"
#define LOCAL_LOG           "records"

struct local_keymgr;

/* Carves its memory: `slots` living records. Called twice, first to plan. */
struct local_keymgr *local_carve(struct region *region, size_t slots);

/* The vault that the root key's file is sealed in, before local_open; without one it is not sealed. */
void local_use_vault(struct local_keymgr *local, const struct vault *vault);

/*
 * Makes the root key if the folder has neither it nor records, replays the records. STATUS_FAILED with a text
 * in why: the folder cannot be read, or a file is of another version. Records without a root key are revoked,
 * not an error.
 */
MUST_USE enum status local_open(struct local_keymgr *local, const struct disk_ops *ops, struct disk *disk,
                                char *why, size_t why_cap);

struct keymgr local_keymgr(struct local_keymgr *local);

/* Bytes of damage passed over when the records were read, and records read, for the log. */
uint64_t local_damaged_bytes(const struct local_keymgr *local);
size_t local_record_count(const struct local_keymgr *local);

#endif
