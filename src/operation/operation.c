/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/operation.h"

/* In the order of KMIP 1.4 s9.1.3.2.27. */
static const struct operation *const rows[] = {
    &op_create,
    &op_register,
    &op_re_key,
    &op_locate,
    &op_check,
    &op_get,
    &op_get_attributes,
    &op_get_attribute_list,
    &op_add_attribute,
    &op_modify_attribute,
    &op_delete_attribute,
    &op_obtain_lease,
    &op_get_usage_allocation,
    &op_activate,
    &op_revoke,
    &op_destroy,
    &op_archive,
    &op_recover,
    &op_query,
    &op_discover_versions,
};

const struct operation *operation_find(uint32_t code, uint8_t minor)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if ((uint32_t)rows[i]->code == code)
            return rows[i]->since <= minor ? rows[i] : NULL;
    return NULL;
}

const struct operation *operation_at(size_t i)
{
    return i < COUNT_OF(rows) ? rows[i] : NULL;
}
