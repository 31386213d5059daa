/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;
    while (len != 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort();
        at += n;
        len -= (size_t)n;
    }
}

void random_uuid(uint8_t uuid[UUID_BYTES])
{
    random_bytes(uuid, UUID_BYTES);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
