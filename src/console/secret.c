/* SPDX-License-Identifier: Apache-2.0 */
#include "console/secret.h"

#include "base/text.h"
#include "base/wipe.h"

static enum line_end read_one(struct line *line, const char *prompt, unsigned idle_s, bool backs,
                              struct secret *out)
{
    struct line_how how = {.prompt = prompt, .hidden = true, .plain = true, .backs = backs, .idle_s = idle_s};
    enum line_end end = line_read(line, &how);
    memset(out, 0, sizeof *out);
    if (end == LINE_ENTERED) {
        out->len = line->len < SECRET_MAX ? line->len : SECRET_MAX;
        memcpy(out->text, line->text, out->len);
        if (line->len > SECRET_MAX) {
            term_print(line->term, "  longer than %d characters: cut\n", SECRET_MAX);
        }
    }
    line_wipe(line);
    return end;
}

enum line_end secret_read(struct line *line, const char *prompt, bool counted, unsigned idle_s,
                          struct secret *out)
{
    enum line_end end = read_one(line, prompt, idle_s, true, out);
    if (end == LINE_ENTERED && counted && !line->term->script)
        term_print(line->term, "  %zu characters received\n", out->len);
    return end;
}

const char *secret_passphrase_fault(const struct secret *s)
{
    return s->len < PASSPHRASE_LEAST ? "a passphrase has 12 characters or more; nothing else is asked of it"
                                     : NULL;
}

enum line_end secret_read_new(struct line *line, unsigned idle_s, bool backs, struct secret *out)
{
    struct secret again;
    for (;;) {
        enum line_end end = read_one(line, "Passphrase: ", idle_s, backs, out);
        if (end != LINE_ENTERED || line->term->script)
            return end;
        if (secret_passphrase_fault(out) != NULL) {
            term_print(line->term, "  %zu characters received: %s\n", out->len, secret_passphrase_fault(out));
            continue;
        }
        end = read_one(line, "Again: ", idle_s, backs, &again);
        bool same = again.len == out->len && bytes_equal_secret(again.text, out->text, out->len);
        wipe(&again, sizeof again);
        if (end == LINE_ENTERED && same) {
            term_print(line->term, "  ok, %zu characters\n", out->len);
            return end;
        }
        wipe(out, sizeof *out);
        if (end != LINE_ENTERED)
            return end;
        term_print(line->term, "  the two are not the same; type both again\n");
    }
}

void secret_add(struct buf *body, const char *name, const struct secret *secret)
{
    buf_print(body, "%s ", name);
    base64_write(span_of(secret->text, secret->len), body);
    buf_add_text(body, "\n");
}
