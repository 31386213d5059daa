/* SPDX-License-Identifier: Apache-2.0 */
/* The openssl command in a folder of its own, made when a test program begins and removed when it ends. */
#ifndef HOLDFAST_TESTS_SUPPORT_OPENSSL_H
#define HOLDFAST_TESTS_SUPPORT_OPENSSL_H

#include "base/span.h"

/* Group set-up and tear-down of cmocka. */
int openssl_begin(void **state);
int openssl_end(void **state);

/* Runs "openssl <arguments>" in the folder and returns what it printed; ends the program when it fails. */
const char *openssl(const char *arguments);

/* Files in the folder. */
void openssl_put(const char *name, struct span bytes);
size_t openssl_get(const char *name, void *out, size_t cap);

#endif
