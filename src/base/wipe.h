/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets leave memory, and are compared, in ways that a compiler cannot shorten. */
#ifndef HOLDFAST_BASE_WIPE_H
#define HOLDFAST_BASE_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrites len bytes with zeros, also when the compiler can see that nobody reads them again. */
void wipe(void *ptr, size_t len);

/* Compares in a time that depends on len alone. */
bool bytes_equal_secret(const void *a, const void *b, size_t len);

#endif
