/* SPDX-License-Identifier: Apache-2.0 */
#include "init/admin.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "init/box.h"
#include "init/files.h"
#include "seal/secret_slot.h"

#define SALT_BYTES      16
#define ITERATIONS_MAX  10000000
#define LONGEST_WAIT_S  60
#define ADMIN_FILE_TEXT 300

struct admin {
    uint32_t iterations, failures;
    uint8_t salt[SALT_BYTES], hash[SHA256_BYTES];
};

static bool save(const struct admin *a)
{
    char text[ADMIN_FILE_TEXT], salt[2 * SALT_BYTES + 2], hash[2 * SHA256_BYTES + 2];
    struct buf out = buf_over(text, sizeof text);
    hex_write(span_of(a->salt, SALT_BYTES), 0, false, salt, sizeof salt);
    hex_write(span_of(a->hash, SHA256_BYTES), 0, false, hash, sizeof hash);
    buf_print(&out, "pbkdf2-sha256:%u:%s:%s\nfailures %u\n", a->iterations, salt, hash, a->failures);
    return file_replace(ADMIN_FILE, buf_span(&out), 0600);
}

/* The part of *text up to the character, which is taken too. */
static struct span take_until(struct span *text, char end)
{
    const uint8_t *at = text->len == 0 ? NULL : memchr(text->ptr, end, text->len);
    size_t len = at == NULL ? text->len : (size_t)(at - text->ptr);
    struct span part = span_of(text->ptr, len);
    size_t taken = len + (at != NULL);
    *text = span_of(text->ptr + taken, text->len - taken);
    return part;
}

static enum status load(struct admin *a)
{
    char text[ADMIN_FILE_TEXT];
    uint64_t iterations, failures;
    struct buf in = buf_over(text, sizeof text);
    enum status status = file_read(ADMIN_FILE, &in);
    if (status != STATUS_OK)
        return status;
    struct span rest = buf_span(&in);
    bool good = span_equal(take_until(&rest, ':'), span_of_text("pbkdf2-sha256")) &&
                number_read(take_until(&rest, ':'), ITERATIONS_MAX, &iterations) == STATUS_OK &&
                iterations > 0 && hex_read(take_until(&rest, ':'), a->salt, SALT_BYTES) == STATUS_OK &&
                hex_read(take_until(&rest, '\n'), a->hash, SHA256_BYTES) == STATUS_OK &&
                span_equal(take_until(&rest, ' '), span_of_text("failures")) &&
                number_read(take_until(&rest, '\n'), UINT32_MAX, &failures) == STATUS_OK;
    if (!good)
        return STATUS_MALFORMED;
    a->iterations = (uint32_t)iterations;
    a->failures = (uint32_t)failures;
    return STATUS_OK;
}

bool admin_store(struct span passphrase, char *why, size_t cap)
{
    struct admin a = {.iterations = seal_calibrate()};
    if (passphrase.len < PASSPHRASE_MIN || passphrase.len > PASSPHRASE_MAX) {
        snprintf(why, cap, "a passphrase has %d to %d characters", PASSPHRASE_MIN, PASSPHRASE_MAX);
        return false;
    }
    random_bytes(a.salt, sizeof a.salt);
    pbkdf2_sha256(passphrase, span_of(a.salt, sizeof a.salt), a.iterations, a.hash);
    if (save(&a))
        return true;
    snprintf(why, cap, "the passphrase cannot be stored: %s", strerror(errno));
    return false;
}

enum status admin_check(struct span passphrase)
{
    struct admin a;
    uint8_t hash[SHA256_BYTES];
    if (load(&a) != STATUS_OK)
        return STATUS_FAILED;
    a.failures += a.failures < UINT32_MAX;
    bool counted = save(&a); /* a full disk must not lock out who could empty it */
    pbkdf2_sha256(passphrase, span_of(a.salt, sizeof a.salt), a.iterations, hash);
    bool right = bytes_equal_secret(hash, a.hash, sizeof hash);
    wipe(hash, sizeof hash);
    if (!right)
        return STATUS_REFUSED;
    a.failures = 0;
    if (counted && !save(&a))
        return STATUS_OK; /* the next wait is longer than it should be: nothing more */
    return STATUS_OK;
}

void admin_forgive(void)
{
    struct admin a;
    if (load(&a) != STATUS_OK)
        return;
    a.failures = 0;
    if (!save(&a))
        return; /* the wait stays: nothing is lost by it */
}

uint32_t admin_failures(void)
{
    struct admin a;
    return load(&a) == STATUS_OK ? a.failures : 0;
}

uint32_t admin_wait(uint32_t failures)
{
    if (failures == 0)
        return 0;
    return failures > 6 ? LONGEST_WAIT_S : 1u << (failures - 1);
}
