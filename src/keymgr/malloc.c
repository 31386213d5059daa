/* SPDX-License-Identifier: Apache-2.0 */
/*
 * malloc and its kind for the whole binary, over the memory of keymgr/http_memory.h. A static program takes
 * these instead of the C library's, so that nothing in it has a way to ask the kernel for memory: not libcurl
 * and c-ares, which are told of that memory but reach past it here and there (fopen, strdup), nor the C
 * library itself. What is allocated is locked, bounded and wiped whoever asks for it. tests/lint proves that
 * the C library's own allocator is not in the binary.
 *
 * Before that memory begins, in every command but serve and early in serve, everybody gets NULL and ENOMEM.
 * Nothing of ours allocates, and what we use of the C library gets by: standard input, output and error have
 * buffers of their own.
 *
 * Only the image has this file: unit tests and fuzzing run with the allocators of the sanitizers.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "keymgr/http_memory.h"

static void *or_enomem(void *ptr)
{
    if (ptr == NULL)
        errno = ENOMEM;
    return ptr;
}

void *malloc(size_t size)
{
    return or_enomem(http_memory_alloc(size));
}

void *calloc(size_t number, size_t size)
{
    return or_enomem(http_memory_calloc(number, size));
}

void *realloc(void *ptr, size_t size)
{
    return or_enomem(http_memory_realloc(ptr, size));
}

void free(void *ptr)
{
    http_memory_free(ptr);
}

/* Nobody needs more than every allocation has anyway. */
void *aligned_alloc(size_t align, size_t size)
{
    return align <= HTTP_MEMORY_ALIGN ? malloc(size) : or_enomem(NULL);
}

void *memalign(size_t align, size_t size)
{
    return aligned_alloc(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    void *ptr = aligned_alloc(align, size);
    if (ptr == NULL)
        return ENOMEM;
    *out = ptr;
    return 0;
}
