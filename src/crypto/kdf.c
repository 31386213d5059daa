/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#include <bearssl_hmac.h>

#include "base/wipe.h"

void sha256_parts(const struct span *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    br_sha256_context c;
    br_sha256_init(&c);
    for (size_t i = 0; i < count; i++)
        br_sha256_update(&c, parts[i].ptr, parts[i].len);
    br_sha256_out(&c, out);
    wipe(&c, sizeof c);
}

void hmac_sha256(struct span key, const struct span *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    br_hmac_key_context with;
    br_hmac_context mac;
    br_hmac_key_init(&with, &br_sha256_vtable, key.ptr, key.len);
    br_hmac_init(&mac, &with, 0);
    for (size_t i = 0; i < count; i++)
        br_hmac_update(&mac, parts[i].ptr, parts[i].len);
    br_hmac_out(&mac, out);
    wipe(&with, sizeof with);
    wipe(&mac, sizeof mac);
}

static const uint8_t counter_one[4] = {0, 0, 0, 1};
static const uint8_t bits_256[4] = {0, 0, 1, 0};

void kdfa_sha256(struct span key, const char *label, struct span context_u, struct span context_v,
                 uint8_t out[SHA256_BYTES])
{
    const struct span parts[] = {span_of(counter_one, sizeof counter_one), span_of(label, strlen(label) + 1),
                                 context_u, context_v, span_of(bits_256, sizeof bits_256)};
    hmac_sha256(key, parts, COUNT_OF(parts), out);
}

void kdfe_sha256(struct span shared, const char *use, struct span party_u, struct span party_v,
                 uint8_t out[SHA256_BYTES])
{
    const struct span parts[] = {span_of(counter_one, sizeof counter_one), shared,
                                 span_of(use, strlen(use) + 1), party_u, party_v};
    sha256_parts(parts, COUNT_OF(parts), out);
}
