/* SPDX-License-Identifier: Apache-2.0 */
/* An answer of a time server, and, when the first byte says so, one of a name server. */
#include <stdio.h>
#include <stdlib.h>

#include "init/dns_message.h"
#include "init/sntp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void try_time(struct span m)
{
    static const uint8_t nonce[SNTP_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int64_t pivots[] = {1800000000, 2085978496, 4000000000};
    for (size_t i = 0; i < COUNT_OF(pivots); i++) {
        struct sntp_answer a;
        enum status status = sntp_read(m, nonce, pivots[i], &a);
        need(a.kiss[4] == 0, "the end of a kiss");
        if (status != STATUS_OK)
            continue;
        int64_t away = a.transmit_us / 1000000 - pivots[i];
        need(away >= -0x80000001ll && away <= 0x80000001ll, "a time of another era");
        need(a.stratum >= 1 && a.stratum <= 15 && a.transmit_us >= a.receive_us, "what is taken");
    }
}

static void try_name(struct span m, enum dns_type type)
{
    struct ip found[DNS_ADDRESSES];
    size_t count;
    enum status status = dns_read(m, 0x1234, "one.test", type, found, &count);
    need(count <= DNS_ADDRESSES && (status != STATUS_OK || count != 0), "a count");
    for (size_t i = 0; i < count; i++)
        need(ip_is_host(&found[i]) && found[i].len == (type == DNS_A ? 4 : 16), "an address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    uint8_t *copy = malloc(len - 1);
    memcpy(copy, data + 1, len - 1);
    struct span m = span_of(copy, len - 1);
    if (data[0] == 0)
        try_time(m);
    else
        try_name(m, data[0] == 1 ? DNS_A : DNS_AAAA);
    free(copy);
    return 0;
}
