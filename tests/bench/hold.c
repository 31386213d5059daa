/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens connections, does one Get on each if identifiers are given, says so, and keeps them until standard
 * input ends: the driver looks at the server's memory meanwhile.
 */
#include <stdio.h>
#include <unistd.h>

#include "crowd.h"
#include "modes.h"
#include "names.h"
#include "result.h"

#define READY_NS (60 * 1000000000ull)

struct hold {
    const struct options *options;
    struct names names;
    unsigned ready;
    struct result result;
};

static void rule(void *context, struct crowd *c, struct peer *p, enum peer_event event)
{
    struct hold *h = context;
    struct answer a;
    switch (event) {
    case PEER_CONNECTED:
        h->result.done++;
        p->request_bytes = request_get(p->request, h->names.uid[p->index % h->names.count]);
        crowd_ask(c, p);
        break;
    case PEER_ANSWERED:
        h->ready++;
        if (answer_read(&a, p->answer, p->answer_bytes) && a.failed > 0) {
            h->result.failed++;
            h->result.reason = a.reason;
        }
        break;
    case PEER_LOST:
        h->result.lost++;
        break;
    case PEER_NOTHING:
        break;
    }
}

int hold_run(const struct options *o)
{
    static struct hold h; /* its histograms are larger than a frame should be */
    struct crowd c;
    char byte;
    uint64_t until = now_ns() + READY_NS;
    h = (struct hold){.options = o};
    names_read(&h.names, o->uids);
    crowd_make(&c, o, o->connections, rule, &h);
    result_begin(&h.result, o);
    crowd_open_all(&c);
    while (h.ready + h.result.lost < c.peers && now_ns() < until)
        crowd_turn(&c, until);
    result_end(&h.result, o);
    printf("ready=%u ", h.ready);
    result_print(&h.result, o);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    crowd_end(&c);
    names_free(&h.names);
    return h.ready == o->connections ? 0 : 1;
}
