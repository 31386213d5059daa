/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lease.h"

#include <stdio.h>

/* While the key manager is away or refuses, it is asked more often than the check interval, so that service
 * comes back soon. */
#define RETRY_MS 5000
/* This part of the check interval is left for the answer to come. */
#define EARLIER 16

void lease_init(struct lease *lease, uint64_t check_interval_ms, uint64_t offline_ms, struct clock now)
{
    *lease = (struct lease){.state = LEASE_STARTING,
                            .check_interval_ms = check_interval_ms,
                            .offline_ms = offline_ms,
                            .since_mono_ms = now.mono_ms,
                            .since_unix_s = now.unix_s,
                            .next_check_ms = now.mono_ms};
    snprintf(lease->why, sizeof lease->why, "the key manager has not answered yet");
}

static void become(struct lease *lease, enum lease_state state, const char *why, struct clock now)
{
    if (lease->state != state) {
        lease->state = state;
        lease->since_mono_ms = now.mono_ms;
        lease->since_unix_s = now.unix_s;
        lease->wiped = false;
    }
    snprintf(lease->why, sizeof lease->why, "%s", why);
}

static bool lease_over(const struct lease *lease, struct clock now)
{
    return lease->positive_mono_ms == 0 || now.mono_ms - lease->positive_mono_ms >= lease->offline_ms;
}

static void note_positive(struct lease *lease, struct clock now)
{
    lease->positive_mono_ms = now.mono_ms;
    lease->positive_unix_s = now.unix_s;
    lease->denials = 0;
}

/* No answer: what was positive stays so until the lease is over; a refusal is not undone by silence. */
static bool answer_away(struct lease *lease, const char *why, struct clock now)
{
    if (lease->state == LEASE_REVOKED || lease->state == LEASE_EXPIRED || lease->state == LEASE_DENIED)
        return false;
    if (lease->positive_mono_ms == 0) {
        snprintf(lease->why, sizeof lease->why, "%s", why);
        return false;
    }
    bool over = lease_over(lease, now);
    become(lease, over ? LEASE_EXPIRED : LEASE_GRACE, why, now);
    return over;
}

static bool answer_denied(struct lease *lease, const char *why, struct clock now)
{
    if (lease->denials == 0)
        lease->first_denial_ms = now.mono_ms;
    lease->denials++;
    if (lease->state != LEASE_REVOKED && lease->state != LEASE_EXPIRED)
        become(lease, LEASE_DENIED, why, now);
    bool enough =
        lease->denials >= LEASE_DENIALS && now.mono_ms - lease->first_denial_ms >= LEASE_DENIAL_SPAN_MS;
    if (!enough || lease->wiped)
        return false;
    lease->wiped = true;
    return true;
}

void lease_ask(struct lease *lease, struct clock now)
{
    lease->asked = true;
    lease->asked_ms = now.mono_ms;
}

bool lease_answer(struct lease *lease, enum keymgr_result result, const char *why, struct clock now)
{
    /* What is revoked just behind a question is known within the interval: the next one is asked a little
     * earlier. */
    uint64_t from = lease->asked ? lease->asked_ms : now.mono_ms;
    lease->asked = false;
    lease->next_check_ms = from + lease->check_interval_ms - lease->check_interval_ms / EARLIER;
    uint64_t soonest =
        now.mono_ms + lease->check_interval_ms / EARLIER; /* a slow answer is not followed at once */
    if (lease->next_check_ms < soonest)
        lease->next_check_ms = soonest;
    if (result != KEYMGR_OK && result != KEYMGR_ROOT_EXPIRED && lease->check_interval_ms > RETRY_MS)
        lease->next_check_ms = now.mono_ms + RETRY_MS;
    switch (result) {
    case KEYMGR_OK:
        note_positive(lease, now);
        become(lease, LEASE_READY, "", now);
        return false;
    case KEYMGR_ROOT_EXPIRED:
        note_positive(lease, now);
        become(lease, LEASE_READ_ONLY, why, now);
        return false;
    case KEYMGR_ROOT_GONE: {
        bool first = lease->state != LEASE_REVOKED;
        become(lease, LEASE_REVOKED, why, now);
        return first;
    }
    case KEYMGR_DENIED:
        return answer_denied(lease, why, now);
    case KEYMGR_LOCKED:
        if (lease->positive_mono_ms != 0)
            break;
        become(lease, LEASE_LOCKED, why, now);
        return false;
    case KEYMGR_AWAY:
    case KEYMGR_NO_RECORD:
    case KEYMGR_REFUSED:
        break;
    }
    return answer_away(lease, why, now);
}

bool lease_tick(struct lease *lease, struct clock now)
{
    bool holds_keys = lease->state == LEASE_READY || lease->state == LEASE_READ_ONLY ||
                      lease->state == LEASE_GRACE || (lease->state == LEASE_DENIED && !lease->wiped);
    if (!holds_keys || !lease_over(lease, now))
        return false;
    if (lease->state == LEASE_DENIED) {
        lease->wiped = true;
        return true;
    }
    become(lease, LEASE_EXPIRED, "the key manager has not answered for the length of the lease", now);
    return true;
}

uint64_t lease_deadline(const struct lease *lease)
{
    uint64_t check = lease->asked ? UINT64_MAX : lease->next_check_ms;
    uint64_t end = lease_serves(lease) ? lease->positive_mono_ms + lease->offline_ms : UINT64_MAX;
    return check < end ? check : end;
}

bool lease_serves(const struct lease *lease)
{
    switch (lease->state) {
    case LEASE_READY:
    case LEASE_READ_ONLY:
    case LEASE_GRACE:
        return true;
    case LEASE_DENIED:
        return !lease->wiped;
    case LEASE_STARTING:
    case LEASE_EXPIRED:
    case LEASE_REVOKED:
    case LEASE_LOCKED:
        break;
    }
    return false;
}

bool lease_creates(const struct lease *lease)
{
    return lease->state == LEASE_READY;
}

const char *lease_state_name(enum lease_state state)
{
    static const char *const names[] = {"STARTING", "READY",  "READ-ONLY", "GRACE",
                                        "EXPIRED",  "DENIED", "REVOKED",   "LOCKED"};
    return names[state];
}

const char *lease_refusal(enum lease_state state)
{
    static const char *const texts[] = {
        [LEASE_STARTING] = "the key manager has not answered yet; try again",
        [LEASE_READY] = "the key manager did not do it",
        [LEASE_READ_ONLY] = "READ-ONLY: the root key is expired; keys are served, none is made",
        [LEASE_GRACE] = "GRACE: the key manager cannot be reached; only keys in memory are served",
        [LEASE_EXPIRED] =
            "EXPIRED: the key manager has been away too long and the keys in memory were erased",
        [LEASE_DENIED] = "DENIED: the key manager does not accept this server's credential",
        [LEASE_REVOKED] = "REVOKED: the root key is disabled or deleted in the key manager",
        [LEASE_LOCKED] = "LOCKED: this server has no credential for the key manager yet",
    };
    return texts[state];
}
