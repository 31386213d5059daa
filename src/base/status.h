/* SPDX-License-Identifier: Apache-2.0 */
/* What a function of the lower layers says about its work. KMIP's own words for failures are in
 * kmip/result.h. */
#ifndef HOLDFAST_BASE_STATUS_H
#define HOLDFAST_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_END,       /* nothing more to read; not an error */
    STATUS_MALFORMED, /* the bytes break their own rules: the peer's or the file's fault */
    STATUS_TOO_LARGE, /* within the rules, but over a limit of base/limits.h */
    STATUS_NO_SPACE,  /* a pool or buffer is full */
    STATUS_NOT_FOUND,
    STATUS_REFUSED, /* somebody with the right to do so said no */
    STATUS_FAILED   /* trouble outside: disk, network, operating system */
};

/* The answer to a question that may be asked again every turn at no cost. */
enum ask { ASK_READY, ASK_WAIT, ASK_FAILED };

#endif
