/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS calls, carried on by turns and never waited for. The only room that knows libcurl. Every call has a
 * slot with its own connection; connections are kept and used again. Nothing is followed, nothing is kept
 * between calls but connections, and certificates are checked against the roots given and no others.
 */
#ifndef HOLDFAST_KEYMGR_HTTP_H
#define HOLDFAST_KEYMGR_HTTP_H

#include <poll.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/region.h"
#include "base/span.h"

enum http_outcome {
    HTTP_ANSWERED,  /* there is a status */
    HTTP_NO_NAME,   /* the name of the host is not known, or nobody answers who could tell */
    HTTP_NO_ROUTE,  /* no connection to it */
    HTTP_UNTRUSTED, /* its certificate does not prove who it is */
    HTTP_OVERDUE,   /* it took longer than it may */
    HTTP_BROKEN,    /* the connection ended, or what came is no HTTP */
    HTTP_TOO_LARGE, /* the answer is larger than HTTP_ANSWER_MAX */
    HTTP_NO_MEMORY  /* the memory for connections is used up */
};

#define HTTP_URL_MAX 600
#define HTTP_WHY     120

struct http_request {
    const char *method;       /* "GET", "POST", "DELETE": constant text */
    const char *url;          /* https only; copied */
    const char *content_type; /* of the body; constant text; NULL without one */
    const char *token;        /* for Authorization: Bearer; NULL without; copied */
    const char *extra[3];     /* header lines; NULL ends; copied */
    struct span body;         /* copied; wiped when the call ends */
    uint64_t timeout_ms;      /* of all of it */
    bool fresh;               /* over a new connection */
    /* When not NULL the body of an answer of 200 is handed over in pieces as it comes, and not kept. */
    void (*piece)(void *self, struct span bytes);
    void *self;
};

struct http_answer {
    enum http_outcome outcome;
    bool sent;              /* the other side may have seen the request: it may have had its effect */
    int status;             /* HTTP status; 0 without one */
    struct span body;       /* until http_free */
    uint64_t retry_after_s; /* 0: not said */
    int64_t date_s;         /* the other side's clock when it answered; 0: not said */
    uint32_t connect_us, tls_us,
        total_us;       /* since the call began; 0 for what a kept connection did not need */
    char why[HTTP_WHY]; /* for the operator; empty when answered */
};

struct http;
struct http_settings {
    struct span roots; /* PEM; must live as long */
    const char *proxy; /* empty: none */
};

struct http *http_carve(struct region *region);
/* Once, before the process gives up its rights. False when libcurl does not begin. */
MUST_USE bool http_open(struct http *http, const struct http_settings *settings);
void http_close(struct http *http);

/* Begins a call; `slot` is below HTTP_CALLS and has no call. False when libcurl has no memory for it. */
MUST_USE bool http_begin(struct http *http, size_t slot, const struct http_request *request);
/* Whether the call of this slot has ended; then *answer is filled and http_free has to follow. */
bool http_ended(struct http *http, size_t slot, struct http_answer *answer);
/* Wipes what a call left; ends it when it is under way. */
void http_free(struct http *http, size_t slot);

/*
 * Closes every connection: libcurl and the TLS engine keep the last bytes of each, and they may have been a
 * key. Calls under way end as broken.
 */
void http_forget(struct http *http);

/* Carries all calls on that have an event, or whose time has come. */
void http_turn(struct http *http, struct clock now);
/*
 * What it waits for; *deadline_ms is lowered to the next moment at which it wants a turn. The next http_turn
 * looks at `revents` there.
 */
size_t http_poll(struct http *http, struct pollfd *fds, size_t room, struct clock now, uint64_t *deadline_ms);

#endif
