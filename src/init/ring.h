/* SPDX-License-Identifier: Apache-2.0 */
/* The box's log in memory: the newest lines of every process, numbered from 1, oldest dropped first. */
#ifndef HOLDFAST_INIT_RING_H
#define HOLDFAST_INIT_RING_H

#include "base/buf.h"

#define RING_BYTES    65536
#define RING_LINE_MAX 1000

struct ring {
    uint64_t first; /* number of the oldest line that is kept */
    uint64_t next;  /* of the line that comes next */
    size_t used;
    size_t partial; /* bytes of a line whose end has not come yet */
    char line[RING_LINE_MAX];
    char bytes[RING_BYTES];
};

void ring_init(struct ring *ring);
/* Takes bytes as they come; a line longer than RING_LINE_MAX is cut, what is not printable ASCII becomes '?'.
 */
void ring_take(struct ring *ring, struct span bytes);
/* Lines "NUMBER TEXT" from number `from` on, until out is full. */
void ring_write(const struct ring *ring, uint64_t from, struct buf *out);

#endif
