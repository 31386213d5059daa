/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/pem_paste.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/der.h"

#define BEGIN_MARK "-----BEGIN "

void pem_paste_begin(struct pem_paste *p)
{
    memset(p, 0, sizeof *p);
}

/* ---- reading ---- */

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
}

static void begin_text(struct pem_paste *p)
{
    char label[sizeof p->label];
    size_t len = p->row_len < sizeof p->row ? p->row_len : sizeof p->row;
    const char *from = p->row + strlen(BEGIN_MARK);
    size_t at = 0;
    for (const char *c = from; c < p->row + len && *c != '-' && at < sizeof label - 1; c++)
        label[at++] = *c >= ' ' && *c < 0x7f ? *c : '.';
    label[at] = 0;
    pem_paste_begin(p);
    p->begun = true;
    memcpy(p->label, label, at + 1);
}

/* A line of base64 that was not cut by row[]: pem_paste_byte has counted and kept it. */
static void end_base64(struct pem_paste *p)
{
    if (p->lines < PEM_LINES)
        p->line_len[p->lines] = (uint16_t)(p->row_len < 65535 ? p->row_len : 65535);
    p->lines++;
}

static enum pem_step end_row(struct pem_paste *p)
{
    size_t len = p->row_len;
    enum pem_step step = PEM_MORE;
    /* An END that lost characters is an END still: nothing else begins with a dash. */
    if (p->begun && len != 0 && p->row[0] == '-')
        step = len >= strlen(BEGIN_MARK) && memcmp(p->row, BEGIN_MARK, strlen(BEGIN_MARK)) == 0
                   ? (begin_text(p), PEM_MORE)
                   : PEM_DONE;
    else if (p->begun && len != 0)
        end_base64(p);
    else if (!p->begun && len >= strlen(BEGIN_MARK) && memcmp(p->row, BEGIN_MARK, strlen(BEGIN_MARK)) == 0)
        begin_text(p);
    else if (!p->begun && len == 0)
        step = PEM_BLANK;
    p->row_len = 0;
    return step;
}

static void keep(struct pem_paste *p, char c)
{
    if (!is_base64(c) && p->odd_line == 0) {
        p->odd_line = p->lines + 1;
        p->odd = c;
    }
    if (p->text_len < sizeof p->text)
        p->text[p->text_len++] = c;
    else
        p->text_full = true;
}

enum pem_step pem_paste_byte(struct pem_paste *p, char c)
{
    if (++p->bytes > PEM_BYTES)
        return PEM_FULL;
    if (c == '\r' || c == '\n')
        return end_row(p);
    if ((c == ' ' || c == '\t' || c == '>') && (p->row_len == 0 || p->row[0] != '-'))
        return PEM_MORE;
    if (p->row_len < sizeof p->row)
        p->row[p->row_len] = c;
    p->row_len++;
    if (p->begun && p->row[0] != '-')
        keep(p, c);
    /* The END line ends with its last dash: what comes behind it is the next prompt's. */
    if (p->begun && c == '-' && p->row_len >= 14 && p->row_len <= sizeof p->row &&
        memcmp(p->row, "-----END ", 9) == 0 && memcmp(p->row + p->row_len - 5, "-----", 5) == 0)
        return end_row(p);
    return PEM_MORE;
}

/* ---- what is wrong with it ---- */

/* The length that most lines have; the last one is shorter by right. */
static size_t usual_length(const struct pem_paste *p, size_t lines)
{
    size_t best = 0, votes = 0;
    for (size_t i = 0; i + 1 < lines; i++) {
        size_t same = 0;
        for (size_t j = 0; j + 1 < lines; j++)
            same += p->line_len[j] == p->line_len[i];
        if (same > votes) {
            votes = same;
            best = p->line_len[i];
        }
    }
    return best;
}

/* Names the first line that differs from its neighbours. */
static bool tell_line(const struct pem_paste *p, char *why, size_t cap)
{
    size_t lines = p->lines < PEM_LINES ? p->lines : PEM_LINES, usual = usual_length(p, lines);
    for (size_t i = 0; usual != 0 && i < lines; i++) {
        size_t len = p->line_len[i];
        if (len == usual || (len < usual && i + 1 == p->lines))
            continue;
        if (len < usual)
            snprintf(why, cap, "line %zu has %zu characters, its neighbours have %zu; %zu were lost", i + 1,
                     len, usual, usual - len);
        else if (len < 2 * usual)
            snprintf(why, cap,
                     "line %zu has %zu characters, its neighbours have %zu; a line end and %zu were lost",
                     i + 1, len, usual, 2 * usual - len);
        else
            snprintf(why, cap, "line %zu has %zu characters, its neighbours have %zu; line ends were lost",
                     i + 1, len, usual);
        return true;
    }
    return false;
}

/* Bytes that the outer SEQUENCE announces, its header included; 0: it has none. */
static size_t announced(const uint8_t *der, size_t len)
{
    if (len < 4 || der[0] != DER_SEQUENCE)
        return 0;
    if (der[1] < 0x80)
        return 2u + der[1];
    if (der[1] == 0x81)
        return 3u + der[2];
    return der[1] == 0x82 ? 4u + ((size_t)der[2] << 8 | der[3]) : 0;
}

static bool is_label(const struct pem_paste *p, const char *label)
{
    return strcmp(p->label, label) == 0 ||
           (strcmp(label, "CERTIFICATE REQUEST") == 0 && strcmp(p->label, "NEW CERTIFICATE REQUEST") == 0);
}

static bool tell_label(const struct pem_paste *p, const char *label, char *why, size_t cap)
{
    if (strstr(p->label, "PRIVATE KEY") != NULL)
        snprintf(why, cap,
                 "this is a private key. None is ever wanted here; whoever saw this terminal may know it "
                 "now: have a new one made");
    else
        snprintf(why, cap, "it begins with \"BEGIN %s\", wanted is \"BEGIN %s\"", p->label, label);
    return false;
}

static bool tell_damage(const struct pem_paste *p, const uint8_t *der, size_t len, char *why, size_t cap)
{
    size_t all = announced(der, len);
    if (tell_line(p, why, cap))
        return false;
    if (p->odd_line != 0)
        snprintf(why, cap,
                 "line %zu has a character that is none of base64 (code %u); others may be wrong too",
                 p->odd_line, (unsigned)(uint8_t)p->odd);
    else if (all > len && len != 0)
        snprintf(why, cap,
                 "%zu of %zu bytes are missing at the end or between: %zu lines came, and the last ones or "
                 "a whole line were lost",
                 all - len, all, p->lines);
    else if (p->lines == 0)
        snprintf(why, cap, "nothing came between BEGIN and END");
    else
        snprintf(why, cap, "all %zu lines came, but characters in them are wrong", p->lines);
    return false;
}

bool pem_paste_take(const struct pem_paste *p, const char *label, uint8_t *der, size_t *der_len, char *why,
                    size_t cap)
{
    struct span rest, content;
    uint8_t tag;
    *der_len = 0;
    if (!is_label(p, label))
        return tell_label(p, label, why, cap);
    if (p->text_full) {
        snprintf(why, cap, "it is larger than %d bytes, which no certificate here may be", CERTIFICATE_MAX);
        return false;
    }
    /* base64 that lost characters decodes up to there, which says how much is missing. */
    bool good = p->odd_line == 0 &&
                base64_read(span_of(p->text, p->text_len), der, CERTIFICATE_MAX, der_len) == STATUS_OK;
    if (!good) {
        size_t whole = p->odd_line != 0 ? 0 : p->text_len / 4 * 4;
        if (base64_read(span_of(p->text, whole), der, CERTIFICATE_MAX, der_len) != STATUS_OK)
            *der_len = 0;
        return tell_damage(p, der, *der_len, why, cap);
    }
    rest = span_of(der, *der_len);
    if (der_next(&rest, &tag, &content) != STATUS_OK || tag != DER_SEQUENCE || rest.len != 0)
        return tell_damage(p, der, *der_len, why, cap);
    return true;
}
