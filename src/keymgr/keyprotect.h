/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IBM Key Protect and Hyper Protect Crypto Services (HPCS) as the key manager: the root key is there, and
 * every record is a standard key there. Calls go out over HTTPS in the server's own loop, CLOUD_CALLS at a
 * time.
 */
#ifndef HOLDFAST_KEYMGR_KEYPROTECT_H
#define HOLDFAST_KEYMGR_KEYPROTECT_H

#include "base/region.h"
#include "disk/disk.h"
#include "keymgr/iam.h"
#include "keymgr/keymgr.h"

#define KEYPROTECT_URL 200

/* Texts as in the configuration; empty: not set. */
struct keyprotect_settings {
    bool hpcs;
    bool private_network;
    const char *region;
    const char *endpoint; /* https://host[:port] of the service; empty: from region and network */
    const char *iam;      /* https://host[:port]; empty: IBM Cloud's own */
    const char *broker;   /* of HPCS, that tells an instance's endpoint; empty: from the region */
    const char *instance; /* its ID */
    const char *root_key; /* ID or alias */
    const char *key_ring;
    const char *proxy;
    struct span roots;         /* PEM */
    const struct vault *vault; /* that the API key is sealed in; NULL: it is not sealed */
    uint64_t timeout_ms;
};

struct keyprotect;
struct keyprotect *keyprotect_carve(struct region *region);
/* False with a text in why that names the setting to change. */
MUST_USE bool keyprotect_check(const struct keyprotect_settings *settings, char *why, size_t why_cap);
/* The same, and begins with them. Nothing is sent yet. */
MUST_USE bool keyprotect_open(struct keyprotect *kp, const struct keyprotect_settings *settings,
                              struct disk *disk, char *why, size_t why_cap);
void keyprotect_close(struct keyprotect *kp);
struct keymgr keyprotect_keymgr(struct keyprotect *kp);

/* The file of the API key is another one: it is read anew. */
void keyprotect_credential_changed(struct keyprotect *kp);

/* What a person who looks is told. */
struct keyprotect_facts {
    const char *name;     /* "Key Protect" or "HPCS" */
    const char *endpoint; /* empty: not known yet */
    uint64_t calls, failures;
    uint32_t in_flight;
    uint32_t last_ms;    /* the last answer took */
    int64_t clock_off_s; /* how far this machine's clock is ahead of the service's */
    bool search_refused; /* more than 5,000 keys: lists are read whole */
    size_t memory_most;  /* bytes of libcurl's memory that were ever in use at once */
    uint64_t memory_refused;
    uint64_t foreign; /* keys in the last list that are no records */
};
struct keyprotect_facts keyprotect_facts(const struct keyprotect *kp);

/* A test of all that the server needs, step by step. */
enum keyprotect_test_step {
    TEST_TOKEN,  /* IAM gives a token for the API key */
    TEST_ROOT,   /* a new connection, and the root key's state */
    TEST_WRAP,   /* a new key is wrapped */
    TEST_UNWRAP, /* and unwrapped to the same */
    TEST_LIST,   /* records can be listed */
    TEST_CREATE, /* a standard key can be created */
    TEST_READ,   /* and read */
    TEST_DELETE, /* and deleted */
    TEST_STEPS
};
struct keyprotect_test {
    bool running;
    enum keyprotect_test_step at;
    struct {
        bool done, good;
        uint32_t ms;
        uint32_t tls_ms; /* 0: not a new connection */
        char why[KEYMGR_WHY];
    } steps[TEST_STEPS];
};
/* False while one runs. */
MUST_USE bool keyprotect_test_begin(struct keyprotect *kp);
const struct keyprotect_test *keyprotect_test(const struct keyprotect *kp);
/* "IAM token", "root key" ... */
const char *keyprotect_test_name(enum keyprotect_test_step step);

#endif
