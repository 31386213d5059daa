/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file over HTTPS, for a job: TLS 1.2 against the roots given, no redirects, bounded in size and time.
 * What comes is handed on in pieces and not kept. The connection is keymgr/http.c's, in memory of its own
 * that is given back at the end.
 */
#ifndef HOLDFAST_INIT_DOWNLOAD_H
#define HOLDFAST_INIT_DOWNLOAD_H

#include "base/span.h"

enum download_word { DOWNLOAD_MORE, DOWNLOAD_ENOUGH /* the rest is not wanted */, DOWNLOAD_REFUSED };

struct download {
    const char *url;     /* https:// */
    struct span roots;   /* PEM */
    const char *proxy;   /* "" for none */
    uint64_t timeout_ms; /* of all of it */
    uint64_t most;       /* bytes */
    /* Called with each piece; with DOWNLOAD_REFUSED it puts a text in why. */
    enum download_word (*take)(void *self, struct span bytes, char *why, size_t cap);
    void *self;
};

/* False with a text in why for what cannot be such an address. */
MUST_USE bool download_url_fits(const char *url, char *why, size_t cap);
/* Returns when the file has come, or enough of it. False with a text in why; `take` may have been called. */
MUST_USE bool download_run(const struct download *download, char *why, size_t cap);

#endif
