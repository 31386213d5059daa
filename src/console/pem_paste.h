/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 7468 text as it comes over a serial line: begins at BEGIN, ends by itself at END. CR, LF, CR LF, blank
 * lines, leading blanks and `>` are no damage; what is damaged is told by line and count. Nothing here is
 * stored.
 */
#ifndef HOLDFAST_CONSOLE_PEM_PASTE_H
#define HOLDFAST_CONSOLE_PEM_PASTE_H

#include "base/buf.h"
#include "base/limits.h"

/* lines that are told apart; the base64 of CERTIFICATE_MAX in lines of 16 characters fits. */
#define PEM_LINES 300
/* characters read at all, for whatever line length; then it is given up. */
#define PEM_BYTES 65536

enum pem_step {
    PEM_MORE,
    PEM_DONE,  /* END came */
    PEM_BLANK, /* an empty line outside of a text */
    PEM_FULL   /* PEM_BYTES came without an END */
};

struct pem_paste {
    size_t row_len; /* of the line that is being read */
    char row[80];   /* its beginning, blanks and `>` in front left out */
    bool begun;
    char label[41];
    size_t bytes; /* read since the beginning */
    size_t lines; /* behind BEGIN, without the END */
    uint16_t line_len[PEM_LINES];
    size_t odd_line; /* the first line with a character that is not base64; 0 none */
    char odd;
    size_t text_len;
    char text[4 * CERTIFICATE_MAX / 3 + 8]; /* base64 */
    bool text_full;
};

void pem_paste_begin(struct pem_paste *paste);
/* Takes one byte; '\r' and '\n' both end lines. */
enum pem_step pem_paste_byte(struct pem_paste *paste, char c);

/*
 * After PEM_DONE: decodes into der (at least CERTIFICATE_MAX bytes). True, or false with what is damaged in
 * why, when it is not whole DER under `label` ("CERTIFICATE"; "CERTIFICATE REQUEST" also takes NEW
 * CERTIFICATE REQUEST).
 */
bool pem_paste_take(const struct pem_paste *paste, const char *label, uint8_t *der, size_t *der_len,
                    char *why, size_t cap);

#endif
