/* SPDX-License-Identifier: Apache-2.0 */
#include "operation/usage.h"

int64_t usage_left(const struct object *object)
{
    struct object_attribute limits;
    struct ttlv_item item;
    if (!object_attribute_find(object, attribute_by_tag(TAG_USAGE_LIMITS), span_of(NULL, 0), 0, &limits))
        return -1;
    struct ttlv_reader reader = ttlv_reader_trusted(limits.value);
    while (ttlv_next(&reader, &item) == STATUS_OK)
        if (item.tag == TAG_USAGE_LIMITS_COUNT)
            return ttlv_long(&item);
    return -1;
}

bool usage_may_protect(const struct object *object, int64_t now)
{
    int64_t stop = object_date(object, TAG_PROTECT_STOP_DATE);
    return object_state(object, now) == STATE_ACTIVE && (stop == DATE_NONE || now < stop);
}
