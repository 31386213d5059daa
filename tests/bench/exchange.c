/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on connections that stay open, one at a time on each. The window that is measured begins and ends
 * with nothing under way, so that the server's CPU time belongs to exactly the requests that are counted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"
#include "modes.h"
#include "names.h"
#include "result.h"

#define CONNECT_NS (30 * 1000000000ull)
#define DRAIN_NS   (20 * 1000000000ull)

enum kind { ECHO_BYTES, GET_KEY, CREATE_KEY, LOCATE_BY_NAME, LOCATE_BY_UID, FILL_STORE, DESCRIBE_KEY };

struct exchange {
    const struct options *options;
    enum kind kind;
    struct names names;
    FILE *out; /* fill: takes the new identifiers */
    unsigned connected;
    unsigned under_way;
    bool begun;  /* all are connected; from here on a lost connection stays lost */
    bool asking; /* whoever has got an answer asks again */
    uint64_t asked;
    uint64_t most; /* no more requests than this in the phase */
    uint64_t random;
    unsigned next_object;
    struct result result;
};

static enum kind kind_of(const char *mode)
{
    static const struct {
        const char *mode;
        enum kind kind;
    } kinds[] = {
        {"echo", ECHO_BYTES},          {"get", GET_KEY},
        {"create", CREATE_KEY},        {"locate-name", LOCATE_BY_NAME},
        {"locate-uid", LOCATE_BY_UID}, {"fill", FILL_STORE},
        {"describe", DESCRIBE_KEY},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(mode, kinds[i].mode) == 0)
            return kinds[i].kind;
    abort(); /* load.c calls with these modes only */
}

/* xorshift64: the choice of keys need not be unpredictable, only spread over all of them and the same every
 * time. */
static unsigned below(struct exchange *x, unsigned count)
{
    x->random ^= x->random << 13;
    x->random ^= x->random >> 7;
    x->random ^= x->random << 17;
    return (unsigned)((x->random >> 16) % count);
}

static unsigned choose(struct exchange *x, unsigned count)
{
    return x->options->sequential ? (unsigned)(x->asked % count) : below(x, count);
}

static unsigned creates(const struct exchange *x)
{
    unsigned left = x->options->first + x->options->count - x->next_object;
    if (x->kind == FILL_STORE && left < x->options->batch)
        return left;
    return x->options->batch;
}

static size_t write_request(struct exchange *x, struct peer *p)
{
    const struct options *o = x->options;
    char name[REQUEST_NAME_BYTES];
    unsigned many;
    switch (x->kind) {
    case ECHO_BYTES:
    case GET_KEY:
        p->tag = choose(x, x->names.count);
        return request_get(p->request, x->names.uid[p->tag]);
    case LOCATE_BY_UID:
        p->tag = choose(x, x->names.count);
        return request_locate_uid(p->request, x->names.uid[p->tag]);
    case DESCRIBE_KEY: /* every key once, then every key once more */
        p->tag = (unsigned)(x->asked % x->names.count);
        return request_describe(p->request, x->names.uid[p->tag],
                                (unsigned)(x->asked / x->names.count) % REQUEST_DESCRIBE_PARTS, p->tag);
    case LOCATE_BY_NAME:
        request_name(name, o->first + choose(x, o->count) * (o->name_every > 0 ? o->name_every : 1));
        return request_locate_name(p->request, name);
    case CREATE_KEY:
    case FILL_STORE:
        break;
    }
    many = creates(x);
    p->tag = many;
    size_t len = request_create(p->request, x->next_object, many, o->name_every);
    x->next_object += many;
    return len;
}

static void ask_next(struct exchange *x, struct crowd *c, struct peer *p)
{
    if (!x->asking || x->asked >= x->most)
        return;
    p->request_bytes = write_request(x, p);
    x->asked++;
    x->under_way++;
    p->turns = 1; /* to us it means: a request is under way */
    crowd_ask(c, p);
}

/* Each item of the answer is about the object that was asked for. */
static bool is_asked_for(const struct exchange *x, const struct answer *a, const struct peer *p)
{
    const char *uid = x->names.uid[p->tag];
    unsigned items = x->kind == DESCRIBE_KEY ? REQUEST_DESCRIBE_ITEMS : 1;
    return a->uids == items && a->uid_bytes[0] == strlen(uid) && memcmp(a->uid[0], uid, a->uid_bytes[0]) == 0;
}

static bool keep_uids(struct exchange *x, const struct answer *a, const struct peer *p)
{
    for (unsigned i = 0; i < a->uids && i < REQUEST_BATCH_MAX && x->out != NULL; i++)
        fprintf(x->out, "%.*s\n", (int)a->uid_bytes[i], a->uid[i]);
    return a->uids == p->tag;
}

static bool is_right(struct exchange *x, const struct peer *p)
{
    struct answer a;
    if (x->kind == ECHO_BYTES)
        return true;
    if (!answer_read(&a, p->answer, p->answer_bytes))
        return false;
    if (a.failed > 0)
        x->result.reason = a.reason;
    if (x->kind == CREATE_KEY || x->kind == FILL_STORE)
        return keep_uids(x, &a, p) && a.failed == 0;
    if (x->kind == LOCATE_BY_NAME)
        return a.failed == 0 && a.uids == 1;
    return a.failed == 0 && is_asked_for(x, &a, p);
}

static void take_answer(struct exchange *x, struct peer *p)
{
    x->under_way--;
    p->turns = 0;
    x->result.answer_bytes = p->answer_bytes;
    if (is_right(x, p)) {
        x->result.done++;
        histogram_add(&x->result.latency, now_ns() - p->begun_ns);
    } else {
        x->result.failed++;
    }
}

/* A connection that never came to be is tried again; one that worked and broke is a failure. */
static void take_loss(struct exchange *x, struct crowd *c, struct peer *p)
{
    x->result.lost++;
    if (!x->begun) {
        crowd_open_later(c, p);
        return;
    }
    x->connected--;
    x->under_way -= p->turns;
    p->turns = 0;
}

static void rule(void *context, struct crowd *c, struct peer *p, enum peer_event event)
{
    struct exchange *x = context;
    switch (event) {
    case PEER_CONNECTED:
        x->connected++;
        break;
    case PEER_ANSWERED:
        take_answer(x, p);
        ask_next(x, c, p);
        break;
    case PEER_LOST:
        take_loss(x, c, p);
        break;
    case PEER_NOTHING:
        break;
    }
}

static bool connect_all(struct exchange *x, struct crowd *c)
{
    uint64_t until = now_ns() + CONNECT_NS;
    crowd_open_all(c);
    while (x->connected < c->peers && now_ns() < until)
        crowd_turn(c, until);
    x->begun = x->connected == c->peers;
    return x->begun;
}

static void drain(struct exchange *x, struct crowd *c)
{
    uint64_t until = now_ns() + DRAIN_NS;
    x->asking = false;
    while (x->under_way > 0 && now_ns() < until)
        crowd_turn(c, until);
}

static void phase(struct exchange *x, struct crowd *c, double seconds, uint64_t most)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
    x->asked = 0;
    x->most = most;
    x->asking = true;
    for (unsigned i = 0; i < c->peers; i++)
        if (c->peer[i].state == PEER_IDLE)
            ask_next(x, c, &c->peer[i]);
    while (x->under_way > 0 && x->connected > 0 && now_ns() < until)
        crowd_turn(c, until);
    drain(x, c);
}

static uint64_t most_requests(const struct exchange *x)
{
    const struct options *o = x->options;
    if (x->kind == FILL_STORE)
        return (o->count + o->batch - 1) / o->batch;
    if (x->kind == DESCRIBE_KEY)
        return (uint64_t)REQUEST_DESCRIBE_PARTS * x->names.count;
    return o->requests > 0 ? o->requests : UINT64_MAX;
}

static void window(struct exchange *x, struct crowd *c)
{
    const struct options *o = x->options;
    bool by_count = o->requests > 0 || x->kind == FILL_STORE || x->kind == DESCRIBE_KEY;
    if (o->warmup > 0 && !by_count)
        phase(x, c, o->warmup, UINT64_MAX);
    result_begin(&x->result, o);
    phase(x, c, o->seconds, most_requests(x));
    result_end(&x->result, o);
    result_print(&x->result, o);
}

static void measure(struct exchange *x, struct crowd *c)
{
    char byte;
    settle(x->options->pause);
    if (x->options->steered == 0)
        window(x, c);
    while (x->options->steered != 0 && read(STDIN_FILENO, &byte, 1) == 1)
        window(x, c);
}

static void prepare(struct exchange *x, const struct options *o)
{
    *x = (struct exchange){.options = o, .kind = kind_of(o->mode), .random = 0x9E3779B97F4A7C15u};
    x->next_object = o->first;
    if (x->kind == FILL_STORE) {
        x->out = o->uids != NULL ? fopen(o->uids, "ae") : NULL;
        if (o->uids == NULL || x->out == NULL) {
            fprintf(stderr, "load: fill needs --uids, a file that can be written\n");
            exit(2);
        }
    } else {
        names_read(&x->names, x->kind == ECHO_BYTES ? NULL : o->uids);
    }
    if (x->kind == LOCATE_BY_NAME && o->count == 0) {
        fprintf(stderr, "load: locate-name needs --count\n");
        exit(2);
    }
}

int exchange_run(const struct options *o)
{
    static struct exchange x; /* its histograms are larger than a frame should be */
    struct crowd c;
    prepare(&x, o);
    crowd_make(&c, o, o->connections, rule, &x);
    bool connected = connect_all(&x, &c);
    if (connected)
        measure(&x, &c);
    else
        fprintf(stderr, "load: %u of %u connections came to be\n", x.connected, c.peers);
    crowd_end(&c);
    names_free(&x.names);
    if (x.out != NULL && fclose(x.out) != 0)
        return 1;
    return connected && x.result.done > 0 ? 0 : 1;
}
