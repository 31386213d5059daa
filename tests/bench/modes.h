/* SPDX-License-Identifier: Apache-2.0 */
/* The modes of the load generator. Each prints one result line and returns the exit status. */
#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "options.h"

int exchange_run(const struct options *o);   /* get, echo, create, locate-name, locate-uid, fill, describe */
int handshakes_run(const struct options *o); /* handshake, resume */
int storm_run(const struct options *o);
int hold_run(const struct options *o);

#endif
