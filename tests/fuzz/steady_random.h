/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDFAST_TESTS_FUZZ_STEADY_RANDOM_H
#define HOLDFAST_TESTS_FUZZ_STEADY_RANDOM_H

/* Begins the row of numbers anew: the first thing that a target does with an input. */
void steady_random_begin(void);

#endif
