/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two records of one object, written side by side at two nodes, become one. Pure: every node that has the
 * same two comes to the same bytes, whichever it calls first.
 *
 * The leading record is the one whose State is further along; of equal States the one changed last (Last
 * Change Date); then the one of the greater node; then the greater one by its bytes. The merged record is the
 * leading one with the attributes that only the other has, one generation after both, in the name of the
 * leading record's node.
 */
#ifndef HOLDFAST_STORE_MERGE_H
#define HOLDFAST_STORE_MERGE_H

#include "store/object.h"

struct merged {
    bool first_leads;
    bool added; /* the other record had attributes that the leading one lacked */
};

/* Both records are of the same object and were checked. STATUS_TOO_LARGE: together they fit no record; then
 * the draft is the leading one alone. */
MUST_USE enum status merge_records(struct span first, struct span second, struct draft *draft,
                                   struct merged *out);

#endif
