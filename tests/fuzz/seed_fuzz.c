/* SPDX-License-Identifier: Apache-2.0 */
/* A seed from a stick. A byte 1 divides an input: settings, secrets, certificate. */
#include <stdio.h>
#include <stdlib.h>

#include "init/seed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct seed seed;
static char errors_text[SEED_REPORT_MAX];

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static bool within(struct span part, const void *of, size_t len)
{
    return part.len == 0 ||
           (part.ptr >= (const uint8_t *)of && part.ptr + part.len <= (const uint8_t *)of + len);
}

/* The next part, in memory of its own size. */
static struct span next_part(const uint8_t **data, size_t *len)
{
    const uint8_t *end = memchr(*data, 1, *len);
    size_t n = end == NULL ? *len : (size_t)(end - *data);
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    memcpy(copy, *data, n);
    *data += n + (end != NULL);
    *len -= n + (end != NULL);
    return span_of(copy, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct buf errors = buf_over(errors_text, sizeof errors_text);
    struct span conf = next_part(&data, &len), secret = next_part(&data, &len);
    struct seed_pem pem = {.name = "vcenter1.pem", .text = next_part(&data, &len)};
    const struct setup_wish *wish = &seed.wish;
    bool good = seed_read(conf, secret, &pem, pem.text.len != 0, &seed, &errors);
    need(good == (errors.len == 0), "a refusal without a reason, or the other way round");
    need(wish->client_count <= SETUP_CLIENTS, "clients");
    need(within(wish->config, seed.config_text, sizeof seed.config_text), "settings outside");
    need(within(wish->passphrase, seed.passphrase, sizeof seed.passphrase), "a passphrase outside");
    need(good || (wish->config.len == 0 && wish->passphrase.len == 0 && wish->client_count == 0),
         "something of a refused seed is left");
    if (good) {
        /* What is handed on is good as it stands. */
        static struct seed again;
        struct buf none = buf_over(errors_text, sizeof errors_text);
        need(wish->passphrase.len >= PASSPHRASE_MIN, "a passphrase");
        need(seed_read(wish->config, secret, NULL, 0, &again, &none), "settings are not taken back");
        need(span_equal(again.wish.config, wish->config), "settings change");
    }
    free((void *)(uintptr_t)conf.ptr);
    free((void *)(uintptr_t)secret.ptr);
    free((void *)(uintptr_t)pem.text.ptr);
    return 0;
}
