/* SPDX-License-Identifier: Apache-2.0 */
#include "init/net_jobs.h"

#include <stdio.h>

#include "init/net_test.h"

#define NAME_BYTES 256

static bool word(const struct job_call *call, char name[NAME_BYTES], char *why, size_t cap, const char *usage)
{
    if (call->count == 2 && call->words[1].len < NAME_BYTES) {
        snprintf(name, NAME_BYTES, "%.*s", (int)call->words[1].len, (const char *)call->words[1].ptr);
        return true;
    }
    snprintf(why, cap, "%s", usage);
    return false;
}

static bool verdict(bool good, char *why, size_t cap, const char *text)
{
    if (!good)
        snprintf(why, cap, "%s", text);
    return good;
}

bool test_network_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    return verdict(net_test_network(&box->net, NULL, call->out), why, cap,
                   "the network is not as it should be");
}

bool test_time_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    return verdict(net_test_time(&box->net, call->out), why, cap, "no time server can be used");
}

bool ping_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    char name[NAME_BYTES];
    (void)box;
    return word(call, name, why, cap, "ping ADDRESS") &&
           verdict(net_ping(name, call->out), why, cap, "no answer");
}

bool resolve_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    char name[NAME_BYTES];
    return word(call, name, why, cap, "resolve NAME") &&
           verdict(net_resolve(&box->net, name, call->out), why, cap, "no address was found");
}
