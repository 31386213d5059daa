/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/text.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* The linker's name for where the program begins. */
extern const char __executable_start[];

void text_unlock_others(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)__executable_start & ~(page - 1);
    uintptr_t to = (uintptr_t)&text_unlock_others & ~(page - 1);
    if (from < to && munlock((const void *)from, to - from) != 0)
        return; /* then it stays locked: more than is needed */
}
