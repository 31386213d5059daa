/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IBM Cloud IAM: an API key becomes a token, which is refreshed at 80 % of its life. The API key is read from
 * its file by the disk process each time it is needed and wiped after, so replacing the file replaces the
 * key.
 */
#ifndef HOLDFAST_KEYMGR_IAM_H
#define HOLDFAST_KEYMGR_IAM_H

#include "crypto/vault.h"
#include "disk/disk.h"
#include "keymgr/http.h"
#include "keymgr/json.h"
#include "keymgr/keymgr.h"

#define API_KEY_FILE "api-key"

struct iam {
    struct http *http;
    struct disk *disk;
    struct json *json;         /* lent for the time of one answer */
    size_t slot;               /* of http */
    const char *url;           /* of the service, without a path */
    const struct vault *vault; /* that the API key's file may be sealed in; NULL: it is not */
    enum { IAM_IDLE, IAM_READING, IAM_WAITING } phase;
    uint64_t ticket; /* of the disk */
    bool has_token;
    char token[TOKEN_MAX];
    uint64_t refresh_ms;
    uint64_t expires_ms;
    uint64_t got_ms;
    uint64_t retry_ms; /* after a failure; doubles from 1 s to 60 s */
    unsigned failures;
    bool outdated;             /* what is under way is of an API key that was replaced */
    uint64_t attempts;         /* that ended, well or not */
    enum keymgr_result result; /* of the last attempt */
    char why[KEYMGR_WHY];
    uint32_t took_us; /* the last answer */
};

/* Carries on; begins to get a token when there is none or it is old. */
void iam_turn(struct iam *iam, struct clock now);
/* READY: iam->token may be used. FAILED: iam->result and iam->why say why; asked again after a while. */
MUST_USE enum ask iam_ask(const struct iam *iam, struct clock now);
/* The service did not accept the token that came at got_ms. True: another one is there or is fetched. False:
 * this one is only seconds old, so another one would not be better. */
bool iam_reject(struct iam *iam, uint64_t got_ms, struct clock now);
/* The API key was replaced: the token goes, and back-off is over. */
void iam_renew(struct iam *iam);
/* Gets a token anew; the one that is there is used until then. */
void iam_refresh(struct iam *iam);
/* The next moment at which iam_turn has something to do. */
uint64_t iam_deadline(const struct iam *iam);

#endif
