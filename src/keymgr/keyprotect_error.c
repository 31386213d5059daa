/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Key Protect's refusals mean, and what to do about them. "Away" and "refused" are told apart here: what
 * may be better later is away; what somebody with the right to do so decided is not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keymgr/keyprotect_state.h"

static const struct {
    const char *code;
    const char *text;
} known[] = {
    {"KEY_CREATE_IMPORT_ACCESS_ERR", "the instance's policy keyCreateImportAccess forbids to import standard "
                                     "keys; set import_standard_key to true"},
    {"AUTHORIZATIONS_NOT_MET", "the instance's policy dualAuthDelete demands two authorizations for a "
                               "deletion; turn it off for these keys"},
    {"PROTECTED_RESOURCE_ERR", "this key is registered with another cloud service, so it is not deleted"},
    {"PREV_KEY_DEL_ERR", "a retention policy of another cloud service forbids to delete this key"},
    {"UNPROCESSABLE_CIPHERTEXT_ERR", "this key was not wrapped by this root key, or its record is damaged"},
    {"FEATURE_RESTRICTED_ERR", "the plan of the instance does not have this"},
    {"CONFIG_RULE_CONFLICT_ERR", "a configuration rule of the account forbids this"},
    {"KEY_ROOT_REQ_ERR", "keymanager root-key names a standard key; name a root key"},
    {"KEY_SEARCH_TOO_BROAD", "too many keys for a search"},
    {"NUM_COLLECTION_RESOURCE_ERR", "the key manager does not take this request"},
};

/* The code and the message of the first reason (facts: resources[0].reasons[0]). */
static void read_reason(struct keyprotect *kp, struct span body, char *code, size_t code_cap, char *message,
                        size_t message_cap)
{
    code[0] = message[0] = 0;
    if (json_parse(&kp->json, body) != STATUS_OK)
        return;
    int resource = json_element(&kp->json, json_member(&kp->json, 0, "resources"), 0);
    int reason = json_element(&kp->json, json_member(&kp->json, resource, "reasons"), 0);
    char raw[200] = "";
    (void)json_string(&kp->json, json_member(&kp->json, reason, "code"), code, code_cap);
    if (strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(code))
        code[0] = 0;
    if (!json_string(&kp->json, json_member(&kp->json, reason, "message"), raw, sizeof raw))
        (void)json_string(&kp->json, json_member(&kp->json, resource, "errorMsg"), raw, sizeof raw);
    struct buf out = buf_over(message, message_cap);
    buf_add_printable(&out, span_of_text(raw));
}

static enum kp_verdict final(struct kp_call *c, enum keymgr_result result, const char *text)
{
    c->answer.result = result;
    snprintf(c->answer.why, KEYMGR_WHY, "%s", text);
    return VERDICT_FINAL;
}

static enum kp_verdict away(struct kp_call *c, const char *name, int status, const char *text)
{
    c->answer.result = KEYMGR_AWAY;
    snprintf(c->answer.why, KEYMGR_WHY, "%s answered %d: %s", name, status, text);
    return VERDICT_AGAIN;
}

static bool is_root_step(const struct kp_call *c)
{
    return c->step == STEP_META || c->step == STEP_WRAP || c->step == STEP_UNWRAP || c->step == STEP_REWRAP;
}

static enum kp_verdict denied(const struct keyprotect *kp, struct kp_call *c, int status)
{
    const char *what = c->step == STEP_DELETE ? "deleting needs the role Manager"
                       : c->step == STEP_POST ? "creating keys needs the role Writer or Manager"
                       : c->step == STEP_GET  ? "reading keys needs the role ReaderPlus or more"
                                              : "a role is missing";
    c->answer.result = KEYMGR_DENIED;
    snprintf(c->answer.why, KEYMGR_WHY,
             "%s refuses this API key (%d): %s, or a network rule of the instance keeps this machine out",
             kp->facts.name, status, what);
    return VERDICT_TOKEN;
}

static enum kp_verdict root_refused(const struct keyprotect *kp, struct kp_call *c, int status)
{
    bool expired = kp->root_state == 3 && status == 409 && c->step == STEP_WRAP; /* the rest works */
    c->answer.result = expired ? KEYMGR_ROOT_EXPIRED : KEYMGR_ROOT_GONE;
    snprintf(c->answer.why, KEYMGR_WHY, "the root key %s %s", kp->root_key,
             expired         ? "has expired: keys are unwrapped, none is made"
             : status == 409 ? "is disabled; enable it to go on"
             : status == 410 ? "was deleted; within 30 days it can be restored"
                             : "is not in this instance");
    return VERDICT_FINAL;
}

static enum kp_verdict refused(const struct keyprotect *kp, struct kp_call *c, int status, const char *code,
                               const char *message)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(code, known[i].code) == 0)
            return final(c, KEYMGR_REFUSED, known[i].text);
    c->answer.result = KEYMGR_REFUSED;
    snprintf(c->answer.why, KEYMGR_WHY, "%s refused (%d %s) %.100s", kp->facts.name, status, code, message);
    return VERDICT_FINAL;
}

/* Whether a 400 is about the token: a mangled or outdated one is not answered with 401. */
static bool is_about_token(const char *code)
{
    return strcmp(code, "BEARER_SUB_EXTRACTION_ERR") == 0 || strcmp(code, "UNAUTHORIZED_ERR") == 0;
}

static enum kp_verdict judge_status(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a)
{
    char code[48], message[200];
    read_reason(kp, a->body, code, sizeof code, message, sizeof message);
    if (a->status == 401 || a->status == 403 || (a->status < 500 && is_about_token(code))) {
        if (a->status == 403 && code[0] != 0 && !is_about_token(code))
            return refused(kp, c, a->status, code, message);
        return denied(kp, c, a->status);
    }
    bool search = c->step == STEP_FIND || c->step == STEP_LIST || c->step == STEP_DELETED;
    if (search && !c->whole && strcmp(code, "KEY_SEARCH_TOO_BROAD") == 0)
        return VERDICT_BROAD;
    if (a->status == 429)
        return away(c, kp->facts.name, a->status, "too many requests");
    if (a->status >= 500 || a->status == 408)
        return away(c, kp->facts.name, a->status, code[0] != 0 ? code : "trouble on its side");
    if (a->status < 400)
        return away(c, kp->facts.name, a->status, "an answer that is no answer of this service");
    bool gone = a->status == 404 || a->status == 410;
    /* What stands between answers so too, and keys are not given up on its word. */
    if ((gone || a->status == 409) && code[0] == 0 && message[0] == 0)
        return away(c, kp->facts.name, a->status, "an answer that is no answer of this service");
    bool state = a->status == 409 && (strcmp(code, "KEY_ACTION_INVALID_STATE_ERR") == 0 || code[0] == 0);
    if (is_root_step(c) && (gone || state))
        return root_refused(kp, c, a->status);
    if (gone && c->step == STEP_BROKER)
        return final(c, KEYMGR_REFUSED,
                     "HPCS does not know this instance; check keymanager instance and region");
    if (gone && (c->step == STEP_GET || c->step == STEP_DELETE))
        return final(c, KEYMGR_NO_RECORD, "there is no such key");
    return refused(kp, c, a->status, code, message);
}

enum kp_verdict kp_judge(struct keyprotect *kp, struct kp_call *c, const struct http_answer *a)
{
    if (a->outcome != HTTP_ANSWERED) {
        c->answer.result = KEYMGR_AWAY;
        snprintf(c->answer.why, KEYMGR_WHY, "%s", a->why);
        return VERDICT_AGAIN;
    }
    if (a->status == 200 || a->status == 201 || a->status == 204)
        return VERDICT_GOOD;
    return judge_status(kp, c, a);
}
