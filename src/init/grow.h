/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image has a small data partition so that it is quick to write; a box gives it what its disk has behind
 * it, up to 1 GiB. Three steps, each harmless to repeat after a power cut: the partition table (UEFI
 * specification, "GUID Partition Table"), the kernel's view of the partition, the mounted ext4.
 */
#ifndef HOLDFAST_INIT_GROW_H
#define HOLDFAST_INIT_GROW_H

#include "init/job.h"

#define GPT_ENTRIES     128
#define GPT_ENTRY_BYTES 128
#define GPT_SECTOR      512
#define GPT_TABLE_BYTES (GPT_ENTRIES * GPT_ENTRY_BYTES)

/* Header and entries of one copy of the table, as they lie on the disk. */
struct gpt {
    uint8_t header[GPT_SECTOR];
    uint8_t entries[GPT_TABLE_BYTES];
};

/* Whether header and entries are whole and of the kind that our image has. */
bool gpt_is_good(const struct gpt *gpt);
/*
 * Makes entry `index` (from 0) end at the disk's end, or at `most` bytes; `sectors` is the disk's size. True:
 * *first and *second are what to write at its beginning (from sector 1) and at its end, *bytes is the
 * partition's size. False: it is not the last partition, or there is nothing to gain.
 */
bool gpt_grow(const struct gpt *gpt, unsigned index, uint64_t sectors, uint64_t most, struct gpt *first,
              struct gpt *second, uint64_t *bytes);

/* With the data partition mounted. Good as well when there is nothing to do. */
job_run grow_job;

#endif
