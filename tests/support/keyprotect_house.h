/* SPDX-License-Identifier: Apache-2.0 */
/* A Key Protect backend with a token, on top of support/fake_http.h, and calls for it. */
#ifndef HOLDFAST_TESTS_SUPPORT_KEYPROTECT_HOUSE_H
#define HOLDFAST_TESTS_SUPPORT_KEYPROTECT_HOUSE_H

#include "keymgr/keyprotect_state.h"
#include "support/fake_http.h"

#define HOUSE_INSTANCE "0647c737-906d-438a-8a68-2c187e11b29b"
#define HOUSE_UID      "a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf"
#define HOUSE_ID       "b0b1b2b3-b4b5-b6b7-b8b9-babbbcbdbebf"
#define HOUSE_VERSION  "c0c1c2c3-c4c5-c6c7-c8c9-cacbcccdcecf"
/* 32 bytes of 'k', in base64 */
#define HOUSE_KEY "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="

static struct keyprotect kp;
static struct keymgr keymgr;
static struct disk disk;
static struct clock house_now;

static inline struct keyprotect_settings house_settings(void)
{
    return (struct keyprotect_settings){.region = "eu-de",
                                        .endpoint = "",
                                        .iam = "",
                                        .broker = "",
                                        .instance = HOUSE_INSTANCE,
                                        .root_key = "root-alias",
                                        .key_ring = "",
                                        .proxy = "",
                                        .roots = span_of_text("roots"),
                                        .timeout_ms = 10000};
}

static inline void house_turn(uint64_t ms)
{
    house_now.mono_ms += ms;
    house_now.unix_s = 1800000000 + (int64_t)house_now.mono_ms / 1000;
    keymgr.ops->turn(keymgr.self, house_now);
}

static inline void house_token(void)
{
    kp.iam.has_token = true;
    strcpy(kp.iam.token, "token");
    kp.iam.got_ms = house_now.mono_ms;
    kp.iam.refresh_ms = house_now.mono_ms + 2880000;
    kp.iam.expires_ms = house_now.mono_ms + 3590000;
}

/* False when it does not open; then `why` says why. */
static inline bool house_open(const struct keyprotect_settings *settings, char *why, size_t cap)
{
    fake_reset();
    memset(&kp, 0, sizeof kp);
    memset(&disk, 0, sizeof disk);
    memset(&fake_disk, 0, sizeof fake_disk);
    kp.http = &fake;
    keymgr = keyprotect_keymgr(&kp);
    if (!keyprotect_open(&kp, settings, &disk, why, cap))
        return false;
    house_now = (struct clock){.mono_ms = 1000000};
    house_token();
    house_turn(0);
    return true;
}

static inline void house(bool hpcs)
{
    char why[KEYMGR_WHY];
    struct keyprotect_settings settings = house_settings();
    settings.hpcs = hpcs;
    if (!house_open(&settings, why, sizeof why))
        abort();
}

static inline struct keymgr_call house_call(enum keymgr_call_kind kind, const char *data)
{
    struct keymgr_call call = {.kind = kind, .ticket = 77, .generation = 3, .data = span_of_text(data)};
    for (unsigned i = 0; i < UUID_BYTES; i++) {
        call.uid[i] = (uint8_t)(0xa0 + i);
        call.record_id[i] = (uint8_t)(0xb0 + i);
    }
    return call;
}

/* Submits and turns; the request is on its way then. Returns its slot. */
static inline size_t house_begin(const struct keymgr_call *call)
{
    size_t i = 0;
    while (i < KP_CALLS && kp.calls[i].phase != KP_FREE)
        i++;
    if (call->kind == KEYMGR_STATE)
        i = KP_STATE_CALL;
    if (!keymgr_submit(&keymgr, call))
        abort();
    house_turn(0);
    return i;
}

static inline struct keymgr_answer house_take(void)
{
    struct keymgr_answer answer = {.ticket = 0};
    house_turn(0);
    if (!keymgr_take(&keymgr, &answer))
        answer.kind = 0;
    return answer;
}

#endif
