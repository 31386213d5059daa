/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that a stranger on the network cannot guess: transaction numbers, ports, jitter. Never blocks:
 * before the kernel's generator is seeded they are weaker, so no key is ever made of them (crypto/random.h).
 */
#ifndef HOLDFAST_INIT_QUICK_RANDOM_H
#define HOLDFAST_INIT_QUICK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void quick_random(void *out, size_t len);
uint32_t quick_random32(void);

#endif
