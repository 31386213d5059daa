/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of a seed. */
#include "init/seed.h"

#include <stdio.h>

#include "base/text.h"
#include "base/wipe.h"
#include "crypto/pem.h"
#include "crypto/x509_read.h"

#define WHY 300

/* A text, line by line. */
struct lines {
    struct span left;
    unsigned number; /* of the line last taken */
};

static bool text_is(struct span a, const char *b)
{
    return span_equal(a, span_of_text(b));
}

/* The next line without its end, which is CR, LF or both. */
static bool next_line(struct lines *in, struct span *line)
{
    size_t n = 0;
    if (in->left.len == 0)
        return false;
    while (n < in->left.len && in->left.ptr[n] != '\r' && in->left.ptr[n] != '\n')
        n++;
    *line = span_of(in->left.ptr, n);
    if (n < in->left.len)
        n += in->left.ptr[n] == '\r' && n + 1 < in->left.len && in->left.ptr[n + 1] == '\n' ? 2 : 1;
    in->left = span_of(in->left.ptr + n, in->left.len - n);
    in->number++;
    return true;
}

/* Begins with a text's first line. False for what another program's "Unicode" is. */
static bool begin_lines(struct lines *in, struct span text, const char *file, struct buf *errors)
{
    *in = (struct lines){.left = text};
    if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
        in->left = span_of(text.ptr + 3, text.len - 3);
    if (text.len == 0 || memchr(text.ptr, 0, text.len) == NULL)
        return true;
    buf_print(errors, "%s: not plain text; save it as UTF-8 or ASCII\n", file);
    return false;
}

/* ---- clients ---- */

static bool name_fits(struct span name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == '"')
            return false;
    return true;
}

static const char *add_client(struct setup_wish *wish, struct span name, struct span der)
{
    struct x509_facts facts;
    if (!name_fits(name))
        return "the name of a client has 1 to 64 printable characters without blanks";
    if (der.len > CERTIFICATE_MAX)
        return "the certificate has more than 3,072 bytes";
    if (x509_read(der, &facts) != STATUS_OK)
        return "not an X.509 certificate";
    for (size_t i = 0; i < wish->client_count; i++) {
        const struct setup_client *c = &wish->clients[i];
        if (text_is(name, c->name))
            return "this name is there twice";
        if (span_equal(der, span_of(c->der, c->len)))
            return "this certificate is there twice";
    }
    if (wish->client_count == SETUP_CLIENTS)
        return "a seed has at most 8 clients; add the others at the console";
    struct setup_client *new = &wish->clients[wish->client_count++];
    memcpy(new->name, name.ptr, name.len);
    new->name[name.len] = 0;
    memcpy(new->der, der.ptr, der.len);
    new->len = der.len;
    return NULL;
}

static const char *client_line(struct setup_wish *wish, const struct span *words, size_t count)
{
    uint8_t der[CERTIFICATE_MAX];
    size_t len;
    if (count != 4 || !text_is(words[0], "client") || !text_is(words[2], "certificate"))
        return "scopes, authorities and users are set at the console after the setup";
    if (base64_read(words[3], der, sizeof der, &len) != STATUS_OK)
        return "the certificate is not base64 of at most 3,072 bytes";
    return add_client(wish, words[1], span_of(der, len));
}

static const char *read_pem(struct setup_wish *wish, const struct seed_pem *pem)
{
    uint8_t der[CERTIFICATE_MAX + 1024];
    size_t len, name = strlen(pem->name);
    struct span text = pem->text, label;
    if (name <= 4 || pem_next(&text, &label, der, sizeof der, &len) != STATUS_OK ||
        !text_is(label, "CERTIFICATE"))
        return "not one certificate in PEM";
    return add_client(wish, span_of(pem->name, name - 4), span_of(der, len));
}

/* ---- settings ---- */

static bool setting_line(struct seed *out, struct span line, char why[WHY])
{
    struct span words[SETTING_WORDS];
    bool is_client = false;
    size_t count = config_words(line, words);
    const char *text = NULL;
    if (count > SETTING_WORDS)
        text = "too many words, or a quote that is not closed";
    else if (count < 2 || !text_is(words[0], "set"))
        text = "a line is: set PATH VALUE";
    else if (!config_set(&out->config, words + 1, count - 1, &is_client, why, WHY))
        return false;
    else if (is_client)
        text = client_line(&out->wish, words + 1, count - 1);
    if (text != NULL)
        snprintf(why, WHY, "%s", text);
    return text == NULL;
}

static bool is_client_line(struct span line)
{
    struct span words[SETTING_WORDS];
    return config_words(line, words) > 1 && text_is(words[1], "client");
}

static void read_settings(struct seed *out, struct span conf, struct buf *errors)
{
    struct lines in;
    struct span line, words[SETTING_WORDS];
    struct buf text = buf_over(out->config_text, sizeof out->config_text);
    if (!begin_lines(&in, conf, SEED_CONF, errors))
        return;
    while (next_line(&in, &line)) {
        char why[WHY] = "";
        if (line.len != 0 && line.ptr[0] == '@')
            continue; /* the name and address of the box that exported it */
        if (config_words(line, words) == 0)
            continue;
        if (!setting_line(out, line, why)) {
            buf_print(errors, "line %u: %s\n", in.number, why);
            continue;
        }
        if (is_client_line(line))
            continue;
        buf_add(&text, line.ptr, line.len);
        buf_add(&text, "\n", 1);
    }
    if (text.full)
        buf_print(errors, SEED_CONF ": more than 64 KiB\n");
    out->wish.config = buf_span(&text);
}

/* ---- secrets: no message shows what is there ---- */

static bool take_secret(struct span line, const char *name, uint8_t *out, size_t cap, struct span *value,
                        const char **why)
{
    size_t len = strlen(name);
    if (line.len <= len || memcmp(line.ptr, name, len) != 0 || line.ptr[len] != ' ')
        return false;
    struct span text = span_of(line.ptr + len + 1, line.len - len - 1);
    *why = value->len != 0                 ? "is there twice"
           : text.len == 0                 ? "is empty"
           : text.len > cap                ? "is too long"
           : !utf8_valid(text)             ? "is not UTF-8"
           : text.ptr[text.len - 1] == ' ' ? "ends with a blank"
                                           : NULL;
    if (*why != NULL)
        return true;
    memcpy(out, text.ptr, text.len);
    *value = span_of(out, text.len);
    return true;
}

static void read_secret(struct seed *out, struct span secret, struct buf *errors)
{
    struct lines in;
    struct span line;
    if (!begin_lines(&in, secret, SEED_SECRET, errors))
        return;
    while (next_line(&in, &line)) {
        const char *why = NULL, *what = "passphrase";
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (!take_secret(line, "passphrase", out->passphrase, sizeof out->passphrase, &out->wish.passphrase,
                         &why)) {
            what = "api-key";
            if (!take_secret(line, "api-key", out->api_key, sizeof out->api_key, &out->wish.api_key, &why)) {
                buf_print(errors,
                          SEED_SECRET " line %u: neither passphrase nor api-key, one blank, its text\n",
                          in.number);
                continue;
            }
        }
        if (why != NULL)
            buf_print(errors, SEED_SECRET " line %u: the %s %s\n", in.number, what, why);
    }
}

static void check_secrets(const struct seed *s, bool there, struct buf *errors)
{
    if (!there)
        buf_print(errors, SEED_SECRET ": missing; it has the line: passphrase TEXT\n");
    else if (s->wish.passphrase.len == 0)
        buf_print(errors, SEED_SECRET ": the line passphrase TEXT is missing\n");
    else if (s->wish.passphrase.len < PASSPHRASE_MIN)
        buf_print(errors, SEED_SECRET ": the passphrase has fewer than %d characters\n", PASSPHRASE_MIN);
    if (there && s->config.keymanager != 0 && s->wish.api_key.len == 0)
        buf_print(errors, SEED_SECRET ": the line api-key TEXT is missing; this key manager needs one\n");
}

bool seed_read(struct span conf, struct span secret, const struct seed_pem *pems, size_t pem_count,
               struct seed *out, struct buf *errors)
{
    size_t before = errors->len;
    out->wish.config = out->wish.passphrase = out->wish.api_key = span_of(NULL, 0);
    out->wish.client_count = 0;
    config_defaults(&out->config);
    read_settings(out, conf, errors);
    read_secret(out, secret, errors);
    check_secrets(out, secret.ptr != NULL, errors);
    for (size_t i = 0; i < pem_count; i++) {
        const char *why = read_pem(&out->wish, &pems[i]);
        if (why != NULL)
            buf_print(errors, SEED_CLIENTS "/%s: %s\n", pems[i].name, why);
    }
    if (errors->len == before && !errors->full)
        return true;
    wipe(out->passphrase, sizeof out->passphrase);
    wipe(out->api_key, sizeof out->api_key);
    out->wish = (struct setup_wish){.client_count = 0};
    return false;
}
