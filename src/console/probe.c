/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "console/probe_tls.h"
#include "crypto/pem.h"
#include "kmip/enum.h"
#include "kmip/result.h"
#include "kmip/tag.h"
#include "ttlv/reader.h"
#include "ttlv/writer.h"

#define ANSWER_MAX 16384

struct probe {
    struct probe_tls tls;
    struct sockaddr_in6 address;
    bool connected;
    char uid[64];
    uint8_t request[4096];
    uint8_t answer[ANSWER_MAX];
    struct ttlv_writer w;
    size_t message;
    size_t answer_len;
    unsigned item; /* counts within a message, for Unique Batch Item IDs */
    unsigned failures;
    uint64_t started_us;
};

/* ---- requests, as vCenter builds them: KMIP 1.1 ---- */

static void begin_message(struct probe *p, int32_t batch)
{
    p->w = ttlv_writer_over(p->request, sizeof p->request);
    p->item = 0;
    p->message = ttlv_begin(&p->w, TAG_REQUEST_MESSAGE);
    size_t header = ttlv_begin(&p->w, TAG_REQUEST_HEADER);
    size_t version = ttlv_begin(&p->w, TAG_PROTOCOL_VERSION);
    ttlv_put_integer(&p->w, TAG_PROTOCOL_VERSION_MAJOR, 1);
    ttlv_put_integer(&p->w, TAG_PROTOCOL_VERSION_MINOR, 1);
    ttlv_end(&p->w, version);
    ttlv_put_integer(&p->w, TAG_BATCH_COUNT, batch);
    ttlv_end(&p->w, header);
}

struct item {
    size_t item, payload;
};

static struct item begin_item(struct probe *p, uint32_t operation, bool with_id)
{
    struct item i;
    uint8_t id[8] = {'H', 'F', 'P', 'R', (uint8_t)++p->item, 0, 0, 0};
    i.item = ttlv_begin(&p->w, TAG_BATCH_ITEM);
    ttlv_put_enumeration(&p->w, TAG_OPERATION, operation);
    if (with_id)
        ttlv_put_bytes(&p->w, TAG_UNIQUE_BATCH_ITEM_ID, span_of(id, sizeof id));
    i.payload = ttlv_begin(&p->w, TAG_REQUEST_PAYLOAD);
    return i;
}

static void end_item(struct probe *p, struct item i)
{
    ttlv_end(&p->w, i.payload);
    ttlv_end(&p->w, i.item);
}

static void put_uid(struct probe *p)
{
    ttlv_put_text(&p->w, TAG_UNIQUE_IDENTIFIER, span_of_text(p->uid));
}

static void put_attribute(struct probe *p, const char *name, enum ttlv_type type, struct span value)
{
    size_t at = ttlv_begin(&p->w, TAG_ATTRIBUTE);
    ttlv_put_text(&p->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    ttlv_put_value(&p->w, TAG_ATTRIBUTE_VALUE, type, value);
    ttlv_end(&p->w, at);
}

/* ---- answers ---- */

/* The n-th Batch Item's Response Payload, or what is wrong with it. */
static const char *find_payload(struct probe *p, int n, struct span *payload, uint32_t *reason)
{
    struct ttlv_reader reader = ttlv_reader_over(span_of(p->answer, p->answer_len));
    struct ttlv_item message, item, part;
    *reason = 0;
    if (ttlv_check(span_of(p->answer, p->answer_len), TTLV_DEPTH_MAX) != STATUS_OK ||
        ttlv_next(&reader, &message) != STATUS_OK || message.tag != TAG_RESPONSE_MESSAGE)
        return "the answer is not a well-formed Response Message";
    reader = ttlv_enter(&message);
    while (ttlv_next(&reader, &item) == STATUS_OK) {
        if (item.tag != TAG_BATCH_ITEM || n-- != 0)
            continue;
        struct ttlv_reader inner = ttlv_enter(&item);
        bool failed = false;
        while (ttlv_next(&inner, &part) == STATUS_OK) {
            if (part.tag == TAG_RESULT_STATUS)
                failed = ttlv_enumeration(&part) != RESULT_SUCCESS;
            if (part.tag == TAG_RESULT_REASON)
                *reason = ttlv_enumeration(&part);
            if (part.tag == TAG_RESPONSE_PAYLOAD)
                *payload = part.value;
        }
        return failed ? result_reason_name((enum result_reason) * reason) : NULL;
    }
    return "the answer lacks a Batch Item";
}

/* The first item with this tag, anywhere inside. */
static bool find_inside(struct span bytes, uint32_t tag, struct ttlv_item *out)
{
    struct ttlv_reader reader = ttlv_reader_over(bytes);
    while (ttlv_next(&reader, out) == STATUS_OK) {
        if (out->tag == tag)
            return true;
        if (out->type == TTLV_STRUCTURE && find_inside(out->value, tag, out))
            return true;
    }
    return false;
}

static const char *exchange(struct probe *p, struct span *payload)
{
    uint32_t reason;
    ttlv_end(&p->w, p->message);
    const char *wrong =
        probe_exchange(&p->tls, span_of(p->request, p->w.len), p->answer, sizeof p->answer, &p->answer_len);
    return wrong != NULL ? wrong : find_payload(p, 0, payload, &reason);
}

/* ---- steps ---- */

static const char *step_connect(struct probe *p)
{
    const char *wrong = probe_connect(&p->tls, &p->address);
    p->connected = wrong == NULL;
    return wrong;
}

static const char *step_discover(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    struct ttlv_item version;
    begin_message(p, 1);
    end_item(p, begin_item(p, OPERATION_DISCOVER_VERSIONS, false));
    const char *wrong = exchange(p, &payload);
    if (wrong == NULL && !find_inside(payload, TAG_PROTOCOL_VERSION, &version))
        return "no version offered";
    return wrong;
}

static const char *step_create(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    struct ttlv_item uid;
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_CREATE, true);
    ttlv_put_enumeration(&p->w, TAG_OBJECT_TYPE, OBJECT_SYMMETRIC_KEY);
    size_t template = ttlv_begin(&p->w, TAG_TEMPLATE_ATTRIBUTE);
    put_attribute(p, "Cryptographic Algorithm", TTLV_ENUMERATION, span_of("\0\0\0\3", 4));
    put_attribute(p, "Cryptographic Usage Mask", TTLV_INTEGER, span_of("\0\0\0\x0c", 4));
    put_attribute(p, "Cryptographic Length", TTLV_INTEGER, span_of("\0\0\1\0", 4));
    ttlv_end(&p->w, template);
    end_item(p, i);
    const char *wrong = exchange(p, &payload);
    if (wrong != NULL)
        return wrong;
    if (!find_inside(payload, TAG_UNIQUE_IDENTIFIER, &uid) || uid.value.len >= sizeof p->uid)
        return "no Unique Identifier in the answer";
    memcpy(p->uid, uid.value.ptr, uid.value.len);
    p->uid[uid.value.len] = 0;
    return NULL;
}

static const char *get_attribute(struct probe *p, const char *name, struct span *payload)
{
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_GET_ATTRIBUTES, true);
    put_uid(p);
    ttlv_put_text(&p->w, TAG_ATTRIBUTE_NAME, span_of_text(name));
    end_item(p, i);
    return exchange(p, payload);
}

static const char *step_absent(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    struct ttlv_item attribute;
    const char *wrong = get_attribute(p, "x-Product_Version", &payload);
    if (wrong == NULL && find_inside(payload, TAG_ATTRIBUTE, &attribute))
        return "a new key has an attribute that nobody set";
    return wrong;
}

static const char *add_three(struct probe *p, const char *const names[3], const char *const values[3])
{
    struct span payload = span_of(NULL, 0);
    uint32_t reason;
    begin_message(p, 3);
    for (int k = 0; k < 3; k++) {
        struct item i = begin_item(p, OPERATION_ADD_ATTRIBUTE, true);
        put_uid(p);
        put_attribute(p, names[k], TTLV_TEXT_STRING, span_of_text(values[k]));
        end_item(p, i);
    }
    const char *wrong = exchange(p, &payload);
    for (int k = 1; k < 3 && wrong == NULL; k++)
        wrong = find_payload(p, k, &payload, &reason);
    return wrong;
}

static const char *step_product(struct probe *p)
{
    static const char *const names[3] = {"x-Product_Version", "x-Vendor", "x-Product"};
    static const char *const values[3] = {"probe", "Holdfast", "Holdfast probe"};
    return add_three(p, names, values);
}

static const char *step_owner(struct probe *p)
{
    static const char *const names[3] = {"x-Identifier", "x-Component", "x-Name"};
    static const char *const values[3] = {"00000000-0000-0000-0000-000000000000", "Probe", "holdfast probe"};
    return add_three(p, names, values);
}

static const char *step_get(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    struct ttlv_item material;
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_GET, true);
    put_uid(p);
    end_item(p, i);
    const char *wrong = exchange(p, &payload);
    if (wrong == NULL && (!find_inside(payload, TAG_KEY_MATERIAL, &material) || material.value.len != 32))
        wrong = "no 32 bytes of key material in the answer";
    wipe(p->answer, sizeof p->answer);
    return wrong;
}

static const char *expect_state(struct probe *p, uint32_t wanted)
{
    struct span payload = span_of(NULL, 0);
    struct ttlv_item value;
    const char *wrong = get_attribute(p, "State", &payload);
    if (wrong == NULL &&
        (!find_inside(payload, TAG_ATTRIBUTE_VALUE, &value) || ttlv_enumeration(&value) != wanted))
        wrong = "the State is another one";
    return wrong;
}

static const char *step_pre_active(struct probe *p)
{
    return expect_state(p, STATE_PRE_ACTIVE);
}

static const char *step_active(struct probe *p)
{
    return expect_state(p, STATE_ACTIVE);
}

static const char *activate(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_ACTIVATE, true);
    put_uid(p);
    end_item(p, i);
    return exchange(p, &payload);
}

static const char *step_activate(struct probe *p)
{
    return activate(p);
}

static const char *step_activate_again(struct probe *p)
{
    const char *wrong = activate(p);
    if (wrong == NULL)
        return "the second Activate was not refused";
    return strcmp(wrong, result_reason_name(REASON_PERMISSION_DENIED)) == 0 ? NULL : wrong;
}

static const char *step_revoke(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_REVOKE, true);
    put_uid(p);
    size_t reason = ttlv_begin(&p->w, TAG_REVOCATION_REASON);
    ttlv_put_enumeration(&p->w, TAG_REVOCATION_REASON_CODE, REVOCATION_CESSATION_OF_OPERATION);
    ttlv_end(&p->w, reason);
    end_item(p, i);
    return exchange(p, &payload);
}

static const char *step_destroy(struct probe *p)
{
    struct span payload = span_of(NULL, 0);
    begin_message(p, 1);
    struct item i = begin_item(p, OPERATION_DESTROY, true);
    put_uid(p);
    end_item(p, i);
    return exchange(p, &payload);
}

struct step {
    const char *name;
    const char *(*run)(struct probe *p);
    bool new_connection;
};

/* What vCenter does to encrypt one VM, then what it never does: the probe cleans up behind itself. */
static const struct step steps[] = {
    {"TLS handshake, nothing sent", NULL, true},
    {"Discover Versions", step_discover, true},
    {"Create", step_create, false},
    {"Get Attributes x-Product_Version: none", step_absent, true},
    {"Add Attribute, three in a batch", step_product, false},
    {"Get", step_get, true},
    {"Get Attributes State: Pre-Active", step_pre_active, false},
    {"Activate", step_activate, false},
    {"Get Attributes State: Active", step_active, true},
    {"Activate again: Permission Denied", step_activate_again, false},
    {"Add Attribute, three in a batch", step_owner, true},
    {"Get", step_get, false},
    {"Revoke", step_revoke, true},
    {"Destroy", step_destroy, false},
};

static void report(struct probe *p, const char *name, const char *wrong)
{
    double ms = (double)(clock_mono_us() - p->started_us) / 1000.0;
    printf("%-42s %8.2f ms  %s%s\n", name, ms, wrong == NULL ? "ok" : "FAILED: ", wrong == NULL ? "" : wrong);
    p->failures += wrong != NULL;
}

static bool run_step(struct probe *p, const struct step *step)
{
    const char *wrong = NULL;
    if (step->new_connection) {
        if (p->connected)
            probe_close(&p->tls);
        p->connected = false;
        p->started_us = clock_mono_us();
        wrong = step_connect(p);
        report(p, step->run == NULL ? step->name : "  TLS handshake", wrong);
        if (wrong != NULL)
            return false;
    }
    if (step->run == NULL)
        return true;
    p->started_us = clock_mono_us();
    wrong = step->run(p);
    report(p, step->name, wrong);
    return wrong == NULL;
}

static int run_steps(struct probe *p)
{
    char text[3 * SHA256_BYTES + 2];
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        bool good = run_step(p, &steps[i]);
        if (i == 0 && good) {
            hex_write(span_of(p->tls.trust.seen_sha1, SHA1_BYTES), ':', true, text, sizeof text);
            printf("  server SHA1 Fingerprint=%s\n", text);
            hex_write(span_of(p->tls.trust.seen_sha256, SHA256_BYTES), ':', true, text, sizeof text);
            printf("  server sha256 Fingerprint=%s\n", text);
        }
        if (!good)
            break;
    }
    if (p->connected)
        probe_close(&p->tls);
    printf("%s\n", p->failures == 0 ? "the server does all that vCenter asks of it"
                                    : "the server did not do what vCenter asks of it");
    return p->failures == 0 ? 0 : 1;
}

/* ---- arguments ---- */

static bool read_pem_file(const char *path, const char *what, uint8_t *der, size_t cap, size_t *len)
{
    char text[16384];
    struct span label;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    if (n < 0) {
        fprintf(stderr, "holdfast: %s: %s\n", path, strerror(errno));
        return false;
    }
    close(fd);
    struct span rest = span_of(text, (size_t)n);
    bool good = pem_next(&rest, &label, der, cap, len) == STATUS_OK && label.len >= strlen(what) &&
                memcmp(label.ptr + label.len - strlen(what), what, strlen(what)) == 0;
    wipe(text, sizeof text);
    if (!good)
        fprintf(stderr, "holdfast: %s does not begin with a PEM %s\n", path, what);
    return good;
}

/* HOST:PORT with an IPv4 address, an IPv6 address in brackets, or localhost. */
static bool read_address(const char *text, struct sockaddr_in6 *out)
{
    char host[80], mapped[100];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
        number_read(span_of_text(colon + 1), 65535, &port) != STATUS_OK)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    size_t len = strlen(host);
    if (strcmp(host, "localhost") == 0)
        snprintf(mapped, sizeof mapped, "::ffff:127.0.0.1");
    else if (len > 2 && host[0] == '[' && host[len - 1] == ']')
        snprintf(mapped, sizeof mapped, "%.*s", (int)len - 2, host + 1);
    else
        snprintf(mapped, sizeof mapped, "::ffff:%s", host);
    *out = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    return inet_pton(AF_INET6, mapped, &out->sin6_addr) == 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: holdfast probe ADDRESS:PORT --cert FILE --key FILE [--server-sha256 HEX]\n");
    return 2;
}

static bool load_client(struct probe *p, const char *cert, const char *key)
{
    uint8_t der[8192];
    size_t len = 0;
    if (!read_pem_file(cert, "CERTIFICATE", p->tls.certificate, sizeof p->tls.certificate, &len))
        return false;
    p->tls.chain[0] = (br_x509_certificate){.data = p->tls.certificate, .data_len = len};
    if (!read_pem_file(key, "PRIVATE KEY", der, sizeof der, &len))
        return false;
    bool good = keypair_read_der(span_of(der, len), &p->tls.key) == STATUS_OK;
    wipe(der, sizeof der);
    if (!good)
        fprintf(stderr, "holdfast: %s is not a key of RSA 2048 to 4096 or P-256, P-384\n", key);
    return good;
}

int probe_main(int argc, char **argv)
{
    struct probe p = {.connected = false};
    const char *cert = NULL, *key = NULL;
    if (argc < 1 || !read_address(argv[0], &p.address))
        return usage();
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc)
            return usage();
        if (strcmp(argv[i], "--cert") == 0) {
            cert = argv[i + 1];
        } else if (strcmp(argv[i], "--key") == 0) {
            key = argv[i + 1];
        } else if (strcmp(argv[i], "--server-sha256") == 0) {
            p.tls.trust.pinned = true;
            if (hex_read(span_of_text(argv[i + 1]), p.tls.trust.pin, SHA256_BYTES) != STATUS_OK) {
                fprintf(stderr, "holdfast: --server-sha256 is 64 hexadecimal digits\n");
                return 2;
            }
        } else {
            return usage();
        }
    }
    if (cert == NULL || key == NULL)
        return usage();
    if (!load_client(&p, cert, key))
        return 1;
    int result = run_steps(&p);
    wipe(&p, sizeof p);
    return result;
}
