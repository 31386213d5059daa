/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/operation.h"

/* By code, in the order of KMIP 1.4 s9.1.3.2.27: found without looking at the others' rows. */
static const struct operation *const rows[] = {
    [OPERATION_CREATE] = &op_create,
    [OPERATION_REGISTER] = &op_register,
    [OPERATION_RE_KEY] = &op_re_key,
    [OPERATION_LOCATE] = &op_locate,
    [OPERATION_CHECK] = &op_check,
    [OPERATION_GET] = &op_get,
    [OPERATION_GET_ATTRIBUTES] = &op_get_attributes,
    [OPERATION_GET_ATTRIBUTE_LIST] = &op_get_attribute_list,
    [OPERATION_ADD_ATTRIBUTE] = &op_add_attribute,
    [OPERATION_MODIFY_ATTRIBUTE] = &op_modify_attribute,
    [OPERATION_DELETE_ATTRIBUTE] = &op_delete_attribute,
    [OPERATION_OBTAIN_LEASE] = &op_obtain_lease,
    [OPERATION_GET_USAGE_ALLOCATION] = &op_get_usage_allocation,
    [OPERATION_ACTIVATE] = &op_activate,
    [OPERATION_REVOKE] = &op_revoke,
    [OPERATION_DESTROY] = &op_destroy,
    [OPERATION_ARCHIVE] = &op_archive,
    [OPERATION_RECOVER] = &op_recover,
    [OPERATION_QUERY] = &op_query,
    [OPERATION_DISCOVER_VERSIONS] = &op_discover_versions,
};

const struct operation *operation_find(uint32_t code, uint8_t minor)
{
    const struct operation *row = code < COUNT_OF(rows) ? rows[code] : NULL;
    return row != NULL && row->since <= minor ? row : NULL;
}

const struct operation *operation_at(size_t i)
{
    for (size_t code = 0; code < COUNT_OF(rows); code++)
        if (rows[code] != NULL && i-- == 0)
            return rows[code];
    return NULL;
}
