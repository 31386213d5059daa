/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/boots.h"

#include <stdio.h>

#include "base/text.h"
#include "init/files.h"

#define FIELDS      6
#define WHY_AT      50 /* column of the reason in the table */
#define WHY_COLUMNS (79 - WHY_AT)

static const char *const results[] = {
    [BOOT_BEGAN] = "began", [BOOT_TRIAL] = "trial", [BOOT_NORMAL] = "normal",
    [BOOT_KEPT] = "kept",   [BOOT_BACK] = "back",   [BOOT_FAILED] = "failed"};
static const char *const ends[] = {
    [BOOT_RUNNING] = "running", [BOOT_RESTART] = "restart", [BOOT_HALT] = "halt", [BOOT_LOST] = "lost"};

/* ---- the file ---- */

/* "2026-11-22T16:10:00Z", as time_write has it. */
static bool read_time(struct span text, int64_t *out)
{
    static const uint8_t at[6] = {0, 5, 8, 11, 14, 17}, len[6] = {4, 2, 2, 2, 2, 2};
    char again[TIME_TEXT + 1];
    uint64_t p[6];
    if (text.len != TIME_TEXT)
        return false;
    for (size_t i = 0; i < 6; i++)
        if (number_read(span_of(text.ptr + at[i], len[i]), 9999, &p[i]) != STATUS_OK)
            return false;
    if (p[0] < 1970 || p[1] < 1 || p[1] > 12 || p[2] < 1 || p[2] > 31)
        return false;
    int64_t y = (int64_t)p[0] - (p[1] < 3), m = (int64_t)(p[1] < 3 ? p[1] + 9 : p[1] - 3);
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + (int64_t)p[2] - 1 - 719468;
    *out = days * 86400 + (int64_t)(p[3] * 3600 + p[4] * 60 + p[5]);
    time_write(*out, again);
    return span_equal(text, span_of_text(again));
}

static bool word_of(struct span text, const char *const *words, size_t count, unsigned *out)
{
    for (unsigned i = 0; i < count; i++)
        if (span_equal(text, span_of_text(words[i]))) {
            *out = i;
            return true;
        }
    return false;
}

static struct span next_word(struct span *line)
{
    size_t n = 0;
    while (n < line->len && line->ptr[n] != ' ')
        n++;
    struct span word = span_of(line->ptr, n);
    *line = span_of(line->ptr + n, line->len - n);
    if (line->len != 0)
        *line = span_of(line->ptr + 1, line->len - 1);
    return word;
}

static void trim(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == ' ')
        n--;
    text[n] = 0;
}

/* Printable ASCII without blanks at its ends, as much as there is room for. */
static void keep_text(char *out, size_t cap, struct span text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < cap - 1; i++)
        if (text.ptr[i] >= ' ' && text.ptr[i] < 0x7f && !(n == 0 && text.ptr[i] == ' '))
            out[n++] = (char)text.ptr[i];
    out[n] = 0;
    trim(out);
}

static bool parse_line(struct span line, struct boot *out)
{
    uint64_t number, slot;
    unsigned result, end;
    struct span word[FIELDS];
    for (size_t i = 0; i < FIELDS; i++)
        word[i] = next_word(&line);
    *out = (struct boot){.number = 0};
    if (number_read(word[0], 999999999, &number) != STATUS_OK || number == 0 ||
        !read_time(word[1], &out->time_s) || number_read(word[2], 999999, &slot) != STATUS_OK ||
        word[3].len == 0 || word[3].len >= sizeof out->version ||
        !word_of(word[4], results, COUNT_OF(results), &result) ||
        !word_of(word[5], ends, COUNT_OF(ends), &end))
        return false;
    out->number = (uint32_t)number;
    out->slot = (uint32_t)slot;
    out->result = (enum boot_result)result;
    out->end = (enum boot_end)end;
    keep_text(out->version, sizeof out->version, word[3]);
    keep_text(out->why, sizeof out->why, line);
    return out->version[0] != 0;
}

/* The newest BOOTS_MAX stay. */
static struct boot *push(struct boots *b)
{
    if (b->count == BOOTS_MAX) {
        memmove(&b->list[0], &b->list[1], (BOOTS_MAX - 1) * sizeof b->list[0]);
        b->count--;
    }
    return &b->list[b->count++];
}

void boots_parse(struct span text, struct boots *out)
{
    struct boot boot;
    out->count = 0;
    while (text.len != 0) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        if (parse_line(span_of(text.ptr, len), &boot))
            *push(out) = boot;
        len += end != NULL;
        text = span_of(text.ptr + len, text.len - len);
    }
}

void boots_print(const struct boots *b, struct buf *out)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct boot *boot = &b->list[i];
        char time[TIME_TEXT + 1];
        time_write(boot->time_s, time);
        buf_print(out, "%u %s %u %s %s %s %s\n", boot->number, time, boot->slot, boot->version,
                  results[boot->result], ends[boot->end], boot->why);
    }
}

/* ---- what happened ---- */

void boots_facts(const struct esp *esp, struct boot_facts *facts)
{
    const struct esp_slot *failed = esp_failed(esp), *waiting = esp_waiting(esp);
    facts->trial = esp_running_is_trial(esp);
    facts->slot = esp->running < 0 ? 0 : esp->slots[esp->running].number;
    facts->failed = failed == NULL ? NULL : failed->version;
    facts->failed_slot = failed == NULL ? 0 : failed->number;
    facts->waiting = waiting == NULL ? NULL : waiting->version;
}

static void append_why(struct boot *boot, const char *text)
{
    size_t len = strlen(boot->why);
    snprintf(boot->why + len, sizeof boot->why - len, "%s%s", len == 0 ? "" : "; ", text);
    trim(boot->why);
}

/* The boot before never said that it goes. */
static void close_previous(struct boot *boot, const struct boot_facts *f)
{
    char text[60] = "power lost";
    int64_t s = f->last_alive_s - boot->time_s;
    if (boot->end != BOOT_RUNNING)
        return;
    boot->end = BOOT_LOST;
    if (s > 0 && s < 7200)
        snprintf(text, sizeof text, "power lost after %lld s", (long long)s);
    else if (s >= 7200)
        snprintf(text, sizeof text, "power lost after %lld h", (long long)(s / 3600));
    append_why(boot, text);
}

/* Why the image that was to be tried is not the one that runs; false when that is not so. */
static bool came_back(const struct boot *before, const struct boot_facts *f, struct boot *new)
{
    if (f->trial || before == NULL)
        return false;
    bool was_trial = before->slot != f->slot && before->slot != 0;
    if (was_trial && before->result == BOOT_FAILED)
        snprintf(new->why, sizeof new->why, "%.20s was given up: %.80s", before->version, before->why);
    else if (was_trial && before->result == BOOT_TRIAL)
        snprintf(new->why, sizeof new->why, "%.20s on trial ended without a verdict: %s", before->version,
                 before->end == BOOT_LOST ? "power lost or watchdog" : "restarted too early");
    else if (f->failed != NULL && before->slot != f->failed_slot)
        snprintf(new->why, sizeof new->why, "%.20s was started and did not come up", f->failed);
    else
        return false;
    new->result = BOOT_BACK;
    return true;
}

static void explain(const struct boot *before, const struct boot_facts *f, struct boot *new)
{
    if (came_back(before, f, new))
        return;
    const char *text = before == NULL                ? "first boot"
                       : before->end == BOOT_RESTART ? "restart asked"
                       : before->end == BOOT_HALT    ? "switched on"
                                                     : "power returned";
    append_why(new, text);
    new->result = f->trial ? BOOT_TRIAL : BOOT_BEGAN;
    if (!f->trial && f->waiting != NULL && before != NULL && before->end == BOOT_RESTART) {
        snprintf(new->why, sizeof new->why, "%.20s waits, the boot loader passed it over", f->waiting);
        new->result = BOOT_BACK;
    }
}

void boots_add(struct boots *b, const struct boot_facts *f)
{
    struct boot new = {.number = 1, .time_s = f->now_s, .slot = f->slot, .end = BOOT_RUNNING};
    struct boot *before = b->count == 0 ? NULL : &b->list[b->count - 1];
    for (size_t i = 0; f->version[i] != 0 && i < sizeof new.version - 1; i++)
        new.version[i] = (char)(f->version[i] > ' ' && f->version[i] < 0x7f ? f->version[i] : '?');
    if (new.version[0] == 0)
        new.version[0] = '?';
    if (before != NULL) {
        close_previous(before, f);
        new.number = before->number + 1;
    }
    explain(before, f, &new);
    trim(new.why);
    *push(b) = new;
}

/* ---- the file, for its owner ---- */

static void read_file(const char *path, struct boots *out)
{
    char text[BOOTS_BYTES];
    struct buf in = buf_over(text, sizeof text);
    enum status status = file_read(path, &in);
    boots_parse(status == STATUS_OK || status == STATUS_TOO_LARGE ? buf_span(&in) : span_of(NULL, 0), out);
}

static bool write_file(const char *path, const struct boots *boots)
{
    char text[BOOTS_BYTES];
    struct buf out = buf_over(text, sizeof text);
    boots_print(boots, &out);
    return file_replace(path, buf_span(&out), 0600);
}

bool boots_begin(const char *path, const struct boot_facts *facts)
{
    struct boots boots;
    read_file(path, &boots);
    boots_add(&boots, facts);
    return write_file(path, &boots);
}

bool boots_result(const char *path, enum boot_result result, const char *why)
{
    struct boots boots;
    read_file(path, &boots);
    if (boots.count == 0)
        return true;
    struct boot *last = &boots.list[boots.count - 1];
    /* That this boot came back from a trial stays said, when it serves. */
    if (result != BOOT_NORMAL || last->result != BOOT_BACK) {
        last->result = result;
        if (why[0] != 0) /* else the reason of its beginning stays */
            keep_text(last->why, sizeof last->why, span_of_text(why));
    }
    return write_file(path, &boots);
}

bool boots_end(const char *path, enum boot_end end)
{
    struct boots boots;
    read_file(path, &boots);
    if (boots.count == 0)
        return true;
    struct boot *last = &boots.list[boots.count - 1];
    last->end = end;
    return write_file(path, &boots);
}

/* ---- the table ---- */

/* The part of a text that fits a column, cut at a blank. */
static size_t fitting(const char *text)
{
    size_t len = strlen(text), at = WHY_COLUMNS;
    if (len <= WHY_COLUMNS)
        return len;
    while (at > 0 && text[at] != ' ')
        at--;
    return at == 0 ? WHY_COLUMNS : at;
}

void boots_write(const struct boots *b, int out)
{
    dprintf(out, "%-5s%-20s%-7s%-11s%-7s%s\n", "#", "time (UTC)", "slot", "version", "result", "why");
    for (size_t i = b->count; i-- > 0;) {
        const struct boot *boot = &b->list[i];
        char time[TIME_TEXT + 1];
        const char *why = boot->why;
        time_write(boot->time_s, time);
        time[10] = ' ';
        time[19] = 0;
        size_t n = fitting(why);
        dprintf(out, "%-4u %-20s%-6u %-10.10s %-7s%.*s\n", boot->number, time, boot->slot, boot->version,
                results[boot->result], (int)n, why);
        for (why += n; *why != 0; why += n) {
            why += *why == ' ';
            n = fitting(why);
            dprintf(out, "%*s%.*s\n", WHY_AT, "", (int)n, why);
        }
    }
}

void boots_show(const char *path, int out)
{
    struct boots boots;
    read_file(path, &boots);
    boots_write(&boots, out);
}
