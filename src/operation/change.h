/* SPDX-License-Identifier: Apache-2.0 */
/* Setting attributes: one set of rules for new objects and for Add, Modify and Delete Attribute (KMIP 1.4 s3,
 * s4.14 to s4.16). */
#ifndef HOLDFAST_OPERATION_CHANGE_H
#define HOLDFAST_OPERATION_CHANGE_H

#include "operation/payload.h"

enum change_kind { CHANGE_CREATE, CHANGE_ADD, CHANGE_MODIFY };

/*
 * Sets one attribute, read and checked by attribute_read, in a draft. *index is the instance: given for
 * CHANGE_MODIFY, chosen here otherwise. The object's rules, its State, and Names of other objects are looked
 * at.
 */
MUST_USE enum result_reason change_set(struct op *op, struct draft *draft, const struct attribute *attribute,
                                       enum change_kind kind, int32_t *index);

/* Sets every attribute of a Template-Attribute (KMIP 1.4 s2.1.8) in a new object's draft. */
MUST_USE enum result_reason change_set_template(struct op *op, struct draft *draft,
                                                struct span template_content);

/* KMIP 1.4 s3.21: once an allocation was made the Usage Limits stand: they are neither changed nor deleted.
 * Other attributes (row NULL: custom ones) pass. */
MUST_USE enum result_reason change_check_usage(struct op *op, const struct attribute_row *row);

/* Process Start Date and Deactivation Date not before Activation Date, Protect Stop Date not after
 * Deactivation Date (KMIP 1.4 s3.24 to s3.27). */
MUST_USE enum result_reason change_check_dates(struct op *op, struct draft *draft);

#endif
