/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TLS server that reads messages framed as KMIP frames them and answers each with the same bytes: what a
 * key server over a TLS engine costs at the least. The loop and the framing stand in echo.c, the engine in
 * echo_bearssl.c or echo_openssl.c, so that both are measured with the same loop.
 */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECHO_CLIENTS_MAX     4
#define ECHO_ANSWER_MAX      4096
#define ECHO_CONNECTIONS_MAX 512

/* A file's bytes; they stay for the life of the process. */
struct echo_file {
    unsigned char *bytes;
    size_t len;
};

struct echo_settings {
    uint16_t port;
    struct echo_file certificate;              /* DER */
    struct echo_file key;                      /* DER: PKCS#8, PKCS#1 or SEC 1 */
    struct echo_file client[ECHO_CLIENTS_MAX]; /* DER: the only client certificates that are accepted */
    unsigned clients;
    size_t answer_bytes;
};

/* Counts the messages in a byte stream: an 8-byte header whose last four bytes are the length of what
 * follows. */
struct echo_frame {
    size_t header_bytes;
    size_t left;
    unsigned char header[8];
};

/* How many messages were completed by these bytes. */
unsigned echo_frame_take(struct echo_frame *f, const unsigned char *bytes, size_t len);

/* What every message is answered with. */
extern unsigned char echo_answer[ECHO_ANSWER_MAX];

/* Ends the process. */
_Noreturn void echo_give_up(const char *what);

/* The engine. Slots are below ECHO_CONNECTIONS_MAX. */
void engine_start(const struct echo_settings *s);
bool engine_open(unsigned slot, int fd);
/* Moves all bytes that can be moved; returns the poll events to wait for, 0 to close. */
short engine_drive(unsigned slot, int fd);
void engine_close(unsigned slot);

#endif
