/* SPDX-License-Identifier: Apache-2.0 */
/* A certification request as `client sign` takes it: read, verified, and, when it is good, signed. */
#include <stdlib.h>

#include "crypto/pkcs10.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"
#include "crypto/x509_text.h"
#include "crypto/x509_write.h"
#include "fuzz/steady_random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good)
{
    if (!good)
        abort();
}

static void inside(struct span outer, struct span inner)
{
    need(inner.len == 0 || (inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len));
}

static const struct keypair *authority(void)
{
    static struct keypair key;
    if (key.kind == KEYPAIR_NONE)
        need(keypair_make_p256(&key) == STATUS_OK);
    return &key;
}

/* What is signed has subject and key of the request, whatever they are. */
static void sign(const struct pkcs10 *request)
{
    static uint8_t der[3072];
    struct x509_facts facts;
    struct buf out = buf_over(der, sizeof der);
    struct x509_wish wish = {.use = X509_CLIENT,
                             .subject = request->subject,
                             .public_key = request->public_key,
                             .issuer_name = "Fuzz",
                             .not_after_s = 4000000000};
    if (x509_write_certificate(&wish, authority(), &out) != STATUS_OK)
        return;
    need(x509_read(buf_span(&out), &facts) == STATUS_OK);
    need(span_equal(facts.subject, request->subject) && span_equal(facts.public_key, request->public_key));
    need(!facts.is_authority);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pkcs10 request;
    struct x509_key key;
    char text[200];
    if (len > 3072)
        return 0;
    steady_random_begin();
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, data, len);
    struct span in = span_of(copy, len);
    if (pkcs10_read(in, &request) == STATUS_OK) {
        struct buf out = buf_over(text, sizeof text);
        inside(in, request.subject);
        inside(in, request.subject_name);
        inside(in, request.public_key);
        inside(in, request.body);
        inside(in, request.algorithm);
        inside(in, request.signature);
        x509_write_name(request.subject, &out);
        if (x509_key_read(request.public_key, &key) != STATUS_OK)
            need(key.kind == KEYPAIR_NONE && pkcs10_verify(&request) == STATUS_NOT_FOUND);
        else
            x509_key_write(&key, &out);
        if (pkcs10_verify(&request) == STATUS_OK)
            sign(&request);
        sign(&request);
    }
    free(copy);
    return 0;
}
