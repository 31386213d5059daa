/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounded memory of libcurl and c-ares, and through keymgr/malloc.c of everything in the binary that
 * calls malloc: one piece that the caller gives, locked or not as the caller made it. It allocates in a
 * bounded number of steps, apart from wiping and copying. Every byte given back is zero before anybody else
 * gets it, so tokens and keys that passed through HTTP do not stay behind.
 *
 * Exhaustion is a normal answer: NULL, and counted. A header that something wrote over, a pointer that was
 * never handed out, and a block given back twice are bugs of ours or of a library: the program stops at once,
 * since to go on would spread the damage to key material.
 *
 * There is one such memory in the program, because the callbacks of curl_global_init_mem carry no context.
 * Not for use from signal handlers or threads.
 */
#ifndef HOLDFAST_KEYMGR_HTTP_MEMORY_H
#define HOLDFAST_KEYMGR_HTTP_MEMORY_H

#include "base/span.h"

/* bytes; beside each allocation. */
#define HTTP_MEMORY_HEADER 16
/* bytes; the alignment of each allocation. */
#define HTTP_MEMORY_ALIGN 16

struct http_memory_use {
    size_t size;      /* bytes in all; 0 before begin and after end */
    size_t used;      /* bytes in blocks handed out, their headers included */
    size_t most;      /* the most that `used` ever was */
    uint64_t refused; /* allocations that found no room, since the start of the program */
};

/*
 * Takes `size` bytes at `base`, which stay the caller's and are wiped here. Until then, and after the end,
 * every allocation is refused, and nothing can be given back: http_memory_free ignores what it gets.
 */
void http_memory_begin(void *base, size_t size);
/* Wipes all of it, what is still handed out too. */
void http_memory_end(void);

/* `size` bytes of zeros; for a size of 0 a pointer that can be given back. NULL: no room. */
MUST_USE void *http_memory_alloc(size_t size);
MUST_USE void *http_memory_calloc(size_t count, size_t size);
/* As realloc(3): when there is no room the old block stays as it is. More bytes than before are zeros. */
MUST_USE void *http_memory_realloc(void *ptr, size_t size);
MUST_USE char *http_memory_strdup(const char *text);
/* Wipes and gives back; NULL is nothing. */
void http_memory_free(void *ptr);

struct http_memory_use http_memory_use(void);

#endif
