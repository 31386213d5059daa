/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory that keeps apart what was flushed and what was only written. The power can be cut at any
 * write, flush, truncation, creation, rename or removal; then part of what was not flushed survives, chosen
 * by a variant. Calls can be made to fail.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_SIM_DISK_H
#define HOLDFAST_TESTS_SUPPORT_SIM_DISK_H

#include "disk/ops.h"

/* What survives of what was not flushed. */
enum sim_survival {
    SIM_NOTHING, /* neither bytes nor names */
    SIM_ALL,
    SIM_NAMES,   /* names, and lengths with zeros in place of bytes */
    SIM_BYTES,   /* bytes of files whose name was flushed; no names made since */
    SIM_SECTORS, /* a random subset of 512-byte sectors and of lengths; a random number of the oldest changes
                    of names */
    SIM_STALE,   /* the same, and sectors that did not survive hold what another file held there before */
    SIM_VARIANTS
};

enum sim_call {
    SIM_OPEN = 1,
    SIM_READ = 2,
    SIM_WRITE = 4,
    SIM_TRUNCATE = 8,
    SIM_FLUSH = 16,
    SIM_RENAME = 32,
    SIM_REMOVE = 64,
    SIM_FLUSH_FOLDER = 128
};

struct sim_disk;

struct sim_disk *sim_disk_new(void);
void sim_disk_free(struct sim_disk *sim);
struct disk_ops sim_disk_ops(struct sim_disk *sim);

/* Cuts the power at the n-th event counted from 1; 0: never. Afterwards every call fails. */
void sim_disk_cut_at(struct sim_disk *sim, uint64_t event);
uint64_t sim_disk_events(const struct sim_disk *sim);
bool sim_disk_is_dead(const struct sim_disk *sim);
/* Power comes back: what survived is all there is. Open files are closed. Events count from 0 again. */
void sim_disk_power_on(struct sim_disk *sim, enum sim_survival survival, uint64_t seed);
/* The process ends, the power stays: everything written is there. */
void sim_disk_close_all(struct sim_disk *sim);

/* Calls in this set of sim_call fail with `error` (an errno) after `after` more of them went well; `times` 0:
 * for ever. */
void sim_disk_fail(struct sim_disk *sim, unsigned calls, int error, unsigned after, unsigned times);

/* Direct access for tests. The file's bytes may be changed in place; *len is its length. NULL when there is
 * none. */
uint8_t *sim_disk_file(struct sim_disk *sim, const char *name, size_t *len);
void sim_disk_set_length(struct sim_disk *sim, const char *name, size_t len);
void sim_disk_put_file(struct sim_disk *sim, const char *name, const void *bytes, size_t len);
bool sim_disk_remove_file(struct sim_disk *sim, const char *name);
size_t sim_disk_count(const struct sim_disk *sim, const char *prefix);

#endif
