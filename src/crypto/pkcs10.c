/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pkcs10.h"

#include "crypto/der.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"

/* The next element with its header. */
static bool take(struct span *in, uint8_t wanted, struct span *whole, struct span *content)
{
    uint8_t tag;
    const uint8_t *start = in->ptr;
    if (der_next(in, &tag, content) != STATUS_OK || tag != wanted)
        return false;
    *whole = span_of(start, (size_t)(in->ptr - start));
    return true;
}

enum status pkcs10_read(struct span der, struct pkcs10 *out)
{
    struct span request, body, version, whole, content;
    *out = (struct pkcs10){.subject = span_of(NULL, 0)};
    if (!take(&der, DER_SEQUENCE, &whole, &request) || der.len != 0 ||
        !take(&request, DER_SEQUENCE, &out->body, &body) ||
        !take(&request, DER_SEQUENCE, &whole, &out->algorithm) ||
        !take(&request, DER_BIT_STRING, &whole, &out->signature) || request.len != 0)
        return STATUS_MALFORMED;
    if (!take(&body, DER_INTEGER, &whole, &version) || version.len != 1 || version.ptr[0] != 0 ||
        !take(&body, DER_SEQUENCE, &out->subject, &content) ||
        !take(&body, DER_SEQUENCE, &out->public_key, &content))
        return STATUS_MALFORMED;
    /* Attributes are what the requester wishes; whoever signs decides. Old tools leave them out. */
    if (body.len != 0 && (!take(&body, DER_CONTEXT_0, &whole, &content) || body.len != 0))
        return STATUS_MALFORMED;
    out->subject_name = x509_common_name(out->subject);
    return STATUS_OK;
}

enum status pkcs10_verify(const struct pkcs10 *request)
{
    struct x509_key key;
    enum status status = x509_key_read(request->public_key, &key);
    if (status != STATUS_OK)
        return STATUS_NOT_FOUND;
    if (key.kind == KEYPAIR_RSA && key.bits < 2048)
        return STATUS_REFUSED;
    if (key.kind == KEYPAIR_EC && key.bits > 384) /* the engine's handshake takes P-256 and P-384 */
        return STATUS_NOT_FOUND;
    return x509_signature_check(request->algorithm, request->body, request->signature, &key);
}
