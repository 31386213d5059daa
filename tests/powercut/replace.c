/* SPDX-License-Identifier: Apache-2.0 */
/* A small file replaced as a whole: there is always a whole one, the last acknowledged or the one under way.
 */
#include "powercut.h"
#include "support/tame_disk.h"

#define VERSIONS 6

static size_t version(unsigned number, uint64_t seed, uint8_t out[8000])
{
    size_t len = number == 3 ? 0 : (size_t)(number * 1237 * (seed + 1) % 8000);
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(number * 41 + i * 7 + (i >> 8));
    return len;
}

static bool is_version(unsigned number, uint64_t seed, const uint8_t *bytes, size_t len)
{
    uint8_t wanted[8000];
    size_t n = version(number, seed, wanted);
    return n == len && (n == 0 || memcmp(wanted, bytes, n) == 0);
}

/* In three parts, the last one short. True when the whole is acknowledged. */
static bool replace(struct tame_disk *disk, const uint8_t *bytes, size_t len)
{
    uint64_t tickets[4];
    size_t count = 0, part = len / 2 < 3000 ? len / 2 : 3000;
    bool done = true;
    int error;
    for (size_t at = 0; count < 3; at += part) {
        struct disk_request request = {.op = DISK_PART, .offset = (uint32_t)at};
        size_t n = count == 2 ? len - at : part;
        tickets[count++] = disk_send(&disk->disk, &request, span_of(bytes + at, n));
    }
    struct disk_request request = {.op = DISK_REPLACE, .name = "config"};
    tickets[count++] = disk_send(&disk->disk, &request, span_of(NULL, 0));
    tame_disk_step(disk);
    disk_turn(&disk->disk);
    for (size_t i = 0; i < count; i++)
        done = disk_ask(&disk->disk, tickets[i], &error) == ASK_READY && done;
    return done;
}

static uint64_t run(uint64_t seed, uint64_t cut, enum sim_survival survival, struct verdict *v)
{
    struct sim_disk *sim = sim_disk_new();
    struct disk_ops ops = sim_disk_ops(sim);
    struct tame_disk disk;
    uint8_t bytes[8000];
    unsigned acknowledged = 0, begun = 0;
    sim_disk_cut_at(sim, cut);
    tame_disk_start(&disk, &ops);
    for (unsigned i = 1; i <= VERSIONS && !sim_disk_is_dead(sim); i++) {
        begun = i;
        if (replace(&disk, bytes, version(i, seed, bytes)))
            acknowledged = i;
    }
    tame_disk_stop(&disk);
    uint64_t events = sim_disk_events(sim);
    sim_disk_power_on(sim, survival, seed * 1000 + cut);
    size_t len;
    const uint8_t *there = sim_disk_file(sim, "config", &len);
    bool as_acknowledged =
        acknowledged == 0 ? there == NULL : there != NULL && is_version(acknowledged, seed, there, len);
    bool as_begun = there != NULL && is_version(begun, seed, there, len);
    if (!as_acknowledged && !as_begun)
        COMPLAIN(v, "version %u was acknowledged, %u under way; there are %u bytes of something else",
                 acknowledged, begun, (unsigned)len);
    sim_disk_free(sim);
    return events;
}

const struct workload workload_replace = {.name = "replace", .seeds = 4, .run = run};
