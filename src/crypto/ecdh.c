/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ecdh.h"

#include "base/wipe.h"
#include "crypto/keypair.h"

enum status ecdh_p256(const uint8_t theirs[P256_POINT_BYTES], uint8_t own[P256_POINT_BYTES],
                      uint8_t shared[P256_BYTES])
{
    struct keypair key;
    const br_ec_impl *ec = br_ec_get_default();
    uint8_t point[P256_POINT_BYTES];
    enum status status = keypair_make_p256(&key);
    if (status == STATUS_OK) {
        size_t n = ec->mulgen(own, key.ec.x, key.ec.xlen, BR_EC_secp256r1);
        memcpy(point, theirs, sizeof point);
        /* mul itself checks that the point is on the curve. */
        bool good = n == P256_POINT_BYTES && point[0] == 0x04 &&
                    ec->mul(point, sizeof point, key.ec.x, key.ec.xlen, BR_EC_secp256r1) == 1;
        if (good)
            memcpy(shared, point + 1, P256_BYTES);
        else
            status = STATUS_MALFORMED;
    }
    keypair_wipe(&key);
    wipe(point, sizeof point);
    return status;
}
