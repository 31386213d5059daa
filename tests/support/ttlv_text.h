/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TTLV as text that people write and read, there and back, with an encoder of its own. Words are apart by
 * white space:
 *
 *   RequestHeader{ ... }     a structure, named as in KMIP 1.4 s9.1.3.1 without blanks (or six hexadecimal
 * digits) BatchCount=i:1           an item; its kind is i Integer, l Long Integer, n Big Integer (hex), e
 * Enumeration, b Boolean (0 or 1), t Text String ("quoted", \" \\ \xNN), x Byte String (hex), d Date-Time, v
 * Interval; numbers are decimal, or hexadecimal after 0x #420078010000            bytes as they are, for what
 * is malformed on purpose
 */
#ifndef HOLDFAST_TESTS_SUPPORT_TTLV_TEXT_H
#define HOLDFAST_TESTS_SUPPORT_TTLV_TEXT_H

#include "base/buf.h"

/* Returns the number of bytes; ends the program with a message when the text is not in the form above. */
size_t ttlv_assemble(const char *text, uint8_t *out, size_t cap);

/* Well-formed TTLV as text in the same form, words apart by one blank, ended by NUL. False when it is not
 * well-formed. */
bool ttlv_disassemble(struct span in, struct buf *out);

/*
 * Compares two texts word by word. In `wanted`, "Name=*" stands for any value, a lone "*" for the rest of a
 * structure, and "Name=$3" for the value that was found at the first $3 (kept in names, which begins as
 * zeros). NULL when they fit, else where in `got` they part.
 */
#define TTLV_TEXT_NAMES 16
struct ttlv_text_names {
    char values[TTLV_TEXT_NAMES][600];
};
const char *ttlv_text_compare(const char *got, const char *wanted, struct ttlv_text_names *names);

/* Replaces every =$n in `text` by what was found. */
void ttlv_text_fill(const char *text, const struct ttlv_text_names *names, struct buf *out);

#endif
