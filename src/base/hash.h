/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4: tables that hold names chosen by clients stay fast whatever names they choose. */
#ifndef HOLDFAST_BASE_HASH_H
#define HOLDFAST_BASE_HASH_H

#include "base/span.h"

uint64_t hash_keyed(const uint64_t key[2], struct span in);

#endif
