/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new connection each time: full handshakes, or resumed ones after one full handshake a peer that is not
 * measured. With --each N every connection does N Gets before it closes, which shows that a resumed client is
 * still known.
 */
#include <stdio.h>
#include <string.h>

#include "crowd.h"
#include "modes.h"
#include "names.h"
#include "result.h"

#define DRAIN_NS (20 * 1000000000ull)

struct handshakes {
    const struct options *options;
    struct names names;
    bool going_on; /* a connection that is done is followed by another */
    bool keep_session;
    unsigned open; /* connections under way */
    uint64_t begun;
    uint64_t most;
    struct result result;
};

static void begin(struct handshakes *h, struct crowd *c, struct peer *p)
{
    if (!h->going_on || h->begun >= h->most)
        return;
    h->begun++;
    h->open++;
    crowd_open(c, p);
}

static void finish(struct handshakes *h, struct crowd *c, struct peer *p)
{
    peer_close(p);
    h->open--;
    begin(h, c, p);
}

static void ask(struct handshakes *h, struct crowd *c, struct peer *p)
{
    p->request_bytes = request_get(p->request, h->names.uid[p->index % h->names.count]);
    crowd_ask(c, p);
}

static void count_handshake(struct handshakes *h, const struct peer *p)
{
    struct result *r = &h->result;
    r->done++;
    histogram_add(&r->latency, now_ns() - p->begun_ns);
    histogram_add(&r->step[0], p->step_ns[0]);
    histogram_add(&r->step[1], p->step_ns[1]);
    if (SSL_session_reused(p->ssl))
        r->resumed++;
}

static void take_answer(struct handshakes *h, const struct peer *p)
{
    struct answer a;
    bool right = answer_read(&a, p->answer, p->answer_bytes) && a.failed == 0 && a.uids == 1;
    h->result.answer_bytes = p->answer_bytes;
    if (!right) {
        h->result.failed++;
        h->result.reason = a.reason;
    }
}

static void rule(void *context, struct crowd *c, struct peer *p, enum peer_event event)
{
    struct handshakes *h = context;
    switch (event) {
    case PEER_CONNECTED:
        count_handshake(h, p);
        if (h->keep_session)
            peer_keep_session(p);
        if (h->options->each > 0)
            ask(h, c, p);
        else
            finish(h, c, p);
        break;
    case PEER_ANSWERED:
        take_answer(h, p);
        if (++p->turns < h->options->each)
            ask(h, c, p);
        else
            finish(h, c, p);
        break;
    case PEER_LOST:
        h->result.lost++;
        h->open--;
        if (h->going_on) {
            h->open++;
            crowd_open_later(c, p);
        }
        break;
    case PEER_NOTHING:
        break;
    }
}

static void phase(struct handshakes *h, struct crowd *c, double seconds, uint64_t most)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
    h->begun = 0;
    h->most = most;
    h->going_on = true;
    for (unsigned i = 0; i < c->peers; i++)
        begin(h, c, &c->peer[i]);
    while (h->open > 0 && now_ns() < until)
        crowd_turn(c, until);
    h->going_on = false;
    until = now_ns() + DRAIN_NS;
    while (h->open > c->waiting && now_ns() < until)
        crowd_turn(c, until);
    h->open = 0;
}

int handshakes_run(const struct options *o)
{
    static struct handshakes h; /* its histograms are larger than a frame should be */
    struct crowd c;
    h = (struct handshakes){.options = o};
    names_read(&h.names, o->uids);
    crowd_make(&c, o, o->connections, rule, &h);
    h.keep_session = strcmp(o->mode, "resume") == 0;
    if (h.keep_session)
        phase(&h, &c, 30, o->connections);
    else if (o->warmup > 0)
        phase(&h, &c, o->warmup, UINT64_MAX);
    h.keep_session = false;
    result_begin(&h.result, o);
    phase(&h, &c, o->seconds, o->requests > 0 ? o->requests : UINT64_MAX);
    result_end(&h.result, o);
    result_print(&h.result, o);
    crowd_end(&c);
    names_free(&h.names);
    return h.result.done > 0 ? 0 : 1;
}
