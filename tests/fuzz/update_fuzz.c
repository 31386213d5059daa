/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an update file, the key that checks it, and the version within an image. Each input is all
 * three. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init/update_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void try_head(const uint8_t *data, size_t len)
{
    struct update_head out;
    char why[300];
    uint8_t *head = malloc(UPDATE_HEAD);
    /* A short input is a text: what stands behind it is as it must be. */
    memset(head, 0, UPDATE_HEAD);
    memset(head, '\n', UPDATE_SIGNED);
    memcpy(head, data, len < UPDATE_HEAD ? len : UPDATE_HEAD);
    memset(why, 0x55, sizeof why);
    if (!update_head_read(head, &out, why, sizeof why)) {
        need(memchr(why, 0, sizeof why) != NULL && why[0] != 0, "a refusal without a reason");
        free(head);
        return;
    }
    struct update_self self = {.version = "1.0.0", .board = out.board, .arch = out.arch, .epoch = out.epoch};
    need(version_valid(span_of_text(out.version)), "a version");
    need(version_compare(out.version, out.version) == 0, "a version is not itself");
    need(version_compare(out.version, "1.0.0") == -version_compare("1.0.0", out.version), "an order");
    need(out.size >= 1 && out.size <= UPDATE_MAX && out.epoch >= 1, "numbers");
    need(memchr(out.notes, 0, sizeof out.notes) != NULL, "notes");
    need(update_allowed(&out, &self, why, sizeof why), "its own box");
    self.epoch++;
    need(!update_allowed(&out, &self, why, sizeof why), "an older epoch");
    free(head);
}

static void try_image(const uint8_t *data, size_t len)
{
    static int fd = -1;
    char version[VERSION_MAX];
    if (fd < 0)
        fd = memfd_create("image", 0);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
        abort();
    bool good = esp_image_version(fd, version);
    need(memchr(version, 0, sizeof version) != NULL && good == (version[0] != 0), "the version of an image");
    good = esp_image_version_of(span_of(data, len), version);
    need(memchr(version, 0, sizeof version) != NULL && good == (version[0] != 0), "a version");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct rsa_public key;
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, data, len);
    try_head(copy, len);
    try_image(copy, len);
    if (update_key_read(span_of(copy, len), &key) == STATUS_OK)
        need(key.modulus_len == UPDATE_KEY_LEN, "a key");
    if (spki_read_rsa(span_of(copy, len), &key) == STATUS_OK) {
        static const uint8_t hash[SHA256_BYTES];
        static const uint8_t signature[RSA_MODULUS_MAX];
        (void)!rsa_verify_sha256(&key, span_of(signature, key.modulus_len), hash);
    }
    free(copy);
    return 0;
}
