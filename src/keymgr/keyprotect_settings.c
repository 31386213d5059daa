/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator sets: whether it can be right, and the hosts that follow from it. */
#include <stdio.h>

#include "keymgr/keyprotect_state.h"

static bool only(const char *text, const char *allowed)
{
    return text[0] != 0 && strspn(text, allowed) == strlen(text);
}
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* Of a host by its name: certificates are checked by names, never by addresses. */
static bool is_url(const char *text)
{
    if (strncmp(text, "https://", 8) != 0 || !only(text + 8, LETTERS ".-:"))
        return false;
    return strspn(text + 8, "0123456789.") != strcspn(text + 8, ":");
}

bool keyprotect_check(const struct keyprotect_settings *s, char *why, size_t cap)
{
    uint8_t id[UUID_BYTES];
    const char *text = NULL;
    if (uuid_read(span_of_text(s->instance), id) != STATUS_OK)
        text = "keymanager instance is the ID of the instance, as 0647c737-906d-438a-8a68-2c187e11b29b";
    else if (!only(s->root_key, LETTERS "-_") || strlen(s->root_key) > 90)
        text = "keymanager root-key is the ID or an alias of the root key";
    else if (s->key_ring[0] != 0 && (!only(s->key_ring, LETTERS "-") || strlen(s->key_ring) > 100))
        text = "keymanager key-ring is the ID of a key ring: letters, digits and -";
    else if (s->region[0] != 0 && (!only(s->region, LETTERS "-") || strlen(s->region) > 40))
        text = "keymanager region is a region of IBM Cloud, as us-south or eu-de";
    else if (s->region[0] == 0 && s->endpoint[0] == 0)
        text = "set keymanager region, as us-south or eu-de, or keymanager endpoint";
    else if (s->endpoint[0] != 0 && !is_url(s->endpoint))
        text =
            "keymanager endpoint is https://HOST or https://HOST:PORT with a name for HOST, without a path";
    else if (s->iam[0] != 0 && !is_url(s->iam))
        text = "keymanager iam is https://HOST or https://HOST:PORT with a name for HOST, without a path";
    else if (s->broker[0] != 0 && !is_url(s->broker))
        text = "keymanager broker is https://HOST or https://HOST:PORT with a name for HOST, without a path";
    else if (s->proxy[0] != 0 &&
             (strncmp(s->proxy, "http://", 7) != 0 || !only(s->proxy + 7, LETTERS ".-:[]")))
        text = "keymanager proxy is http://HOST:PORT, without name and password: secrets are no settings";
    else if (s->roots.len == 0)
        text = "keymanager roots has no certificates";
    if (text != NULL)
        snprintf(why, cap, "%s", text);
    return text == NULL;
}

void kp_name_hosts(struct keyprotect *kp, const struct keyprotect_settings *s)
{
    const char *private = s->private_network ? "private." : "";
    if (s->endpoint[0] != 0)
        snprintf(kp->url, sizeof kp->url, "%s", s->endpoint);
    else if (!s->hpcs)
        snprintf(kp->url, sizeof kp->url, "https://%s%s.kms.cloud.ibm.com", private, s->region);
    if (s->broker[0] != 0)
        snprintf(kp->broker, sizeof kp->broker, "%s", s->broker);
    else
        snprintf(kp->broker, sizeof kp->broker, "https://%s.broker.hs-crypto.cloud.ibm.com", s->region);
    if (s->iam[0] != 0)
        snprintf(kp->iam_url, sizeof kp->iam_url, "%s", s->iam);
    else
        snprintf(kp->iam_url, sizeof kp->iam_url, "https://%siam.cloud.ibm.com", private);
}
