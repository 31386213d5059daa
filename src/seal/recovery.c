/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/recovery.h"

#include <stdio.h>

#include "base/wipe.h"

#define GROUPS  8
#define LETTERS 8 /* of a group */

static const char alphabet[] = "cbdefghijklnrtuv";

static void write_groups(const uint8_t *key, size_t groups, char *text)
{
    for (size_t i = 0; i < groups * LETTERS; i++) {
        uint8_t byte = key[i / 2];
        if (i != 0 && i % LETTERS == 0)
            *text++ = '-';
        *text++ = alphabet[i % 2 == 0 ? byte >> 4 : byte & 15];
    }
    *text = 0;
}

void recovery_write(const uint8_t key[RECOVERY_BYTES], char text[RECOVERY_TEXT + 1])
{
    write_groups(key, GROUPS, text);
}

void recovery_write_lines(const uint8_t key[RECOVERY_BYTES], char first[RECOVERY_LINE + 1],
                          char second[RECOVERY_LINE + 1])
{
    write_groups(key, GROUPS / 2, first);
    write_groups(key + RECOVERY_BYTES / 2, GROUPS / 2, second);
}

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

/* How long each group was, as it was typed. */
struct typed {
    size_t letters;
    size_t groups;
    size_t wrong_group; /* the first that has not eight letters, from 1; 0: none */
    size_t wrong_letters;
};

static void end_group(struct typed *t, size_t letters)
{
    if (letters == 0)
        return;
    t->groups++;
    if (letters != LETTERS && t->wrong_group == 0) {
        t->wrong_group = t->groups;
        t->wrong_letters = letters;
    }
}

static enum status judge(const struct typed *t, char why[RECOVERY_WHY])
{
    /* Without dashes it is one long group, and only the sum counts. */
    if (t->letters == GROUPS * LETTERS && (t->wrong_group == 0 || t->groups != GROUPS))
        return STATUS_OK;
    if (t->groups > 1 && t->wrong_group != 0)
        snprintf(why, RECOVERY_WHY, "group %zu has %zu letters instead of %d", t->wrong_group,
                 t->wrong_letters, LETTERS);
    else if (t->groups > 1)
        snprintf(why, RECOVERY_WHY, "%zu groups of %d letters were typed instead of %d", t->groups, LETTERS,
                 GROUPS);
    else
        snprintf(why, RECOVERY_WHY, "%zu letters were typed instead of %d", t->letters, GROUPS * LETTERS);
    return STATUS_MALFORMED;
}

enum status recovery_read(struct span text, uint8_t key[RECOVERY_BYTES], char why[RECOVERY_WHY])
{
    struct typed t = {0};
    size_t in_group = 0;
    memset(key, 0, RECOVERY_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (is_separator(c)) {
            end_group(&t, in_group);
            in_group = 0;
            continue;
        }
        uint8_t low = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 0x20) : c;
        const char *letter = memchr(alphabet, low, sizeof alphabet - 1);
        if (letter == NULL) {
            size_t group = t.groups == 0 && t.letters >= LETTERS ? t.letters / LETTERS : t.groups;
            snprintf(why, RECOVERY_WHY, "group %zu has a character that is none of %s", group + 1, alphabet);
            wipe(key, RECOVERY_BYTES);
            return STATUS_MALFORMED;
        }
        unsigned value = (unsigned)(letter - alphabet);
        if (t.letters < GROUPS * LETTERS)
            key[t.letters / 2] |= (uint8_t)(t.letters % 2 == 0 ? value << 4 : value);
        t.letters++;
        in_group++;
    }
    end_group(&t, in_group);
    enum status status = judge(&t, why);
    if (status != STATUS_OK)
        wipe(key, RECOVERY_BYTES);
    return status;
}
