/* SPDX-License-Identifier: Apache-2.0 */
/* The one struct that holds the whole server; main.c owns it and hands it down. */
#ifndef HOLDFAST_SERVER_SERVER_H
#define HOLDFAST_SERVER_SERVER_H

#include <netinet/in.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/region.h"
#include "crypto/vault.h"
#include "keymgr/keyprotect.h"
#include "keymgr/local.h"
#include "operation/request.h"
#include "server/clients.h"
#include "server/config.h"
#include "server/refused.h"
#include "server/tls.h"
#include "store/store.h"

enum conn_phase { CONN_FREE, CONN_HANDSHAKE, CONN_OPEN, CONN_LINGER };

/* A request or answer that does not fit a connection's own buffer. */
struct large_buffer {
    bool in_use;
    uint8_t request[MESSAGE_LARGE];
    uint8_t answer[MESSAGE_LARGE];
};

struct conn {
    uint8_t phase;
    bool running;      /* a request is being carried out */
    uint64_t asked_at; /* the store's news when it asked last */
    bool ready;        /* has something to do without an event */
    bool closing;      /* after the answer that waits */
    bool wants_large;  /* the request waits for a large buffer */
    int fd;
    uint32_t slot;
    struct sockaddr_in6 peer;
    uint64_t opened_ms;
    uint64_t deadline_ms;
    uint64_t request_ms; /* when the first byte of the current request came */
    struct large_buffer *large;
    size_t in_len;      /* of the request so far */
    size_t message_len; /* of the whole request, once known; 0 before */
    const uint8_t *out; /* the answer that TLS has not taken yet */
    size_t out_len;
    struct request request;
    uint8_t buffer[CONNECTION_BUFFER];
    struct tls tls;
};

enum control_command {
    CONTROL_NONE,
    CONTROL_TEXT,
    CONTROL_KEYS,
    CONTROL_LIST_CLIENTS,
    CONTROL_EXPORT_CLIENTS,
    CONTROL_LIST_SETTINGS,
    CONTROL_LIST_CERTIFICATES,
    CONTROL_WRITE_CLIENTS,
    CONTROL_CREDENTIAL, /* the file of the API key is being written */
    CONTROL_TEST,       /* of the key manager */
    CONTROL_RETIRE,     /* a key is being revoked and destroyed */
    CONTROL_SELF_TEST,  /* a key is created, fetched and destroyed */
    CONTROL_CERTIFICATE /* the file of a server certificate is being written */
};

/* bytes; a Request Message of Revoke and Destroy, and its answer. */
#define RETIRE_MESSAGE 768

/* One console on the control socket. */
struct control_conn {
    int fd; /* -1: free */
    enum control_command command;
    uint32_t cursor;
    bool eof;
    bool begun;             /* the test of the key manager */
    bool skipping;          /* the rest of a line that was too long */
    const char *result;     /* NULL: OK */
    uint64_t ticket;        /* of the disk */
    struct request request; /* of a key that is retired, or of the self-test */
    union {
        struct control_self_test {
            enum self_test_step { SELF_TEST_CREATE, SELF_TEST_GET, SELF_TEST_DESTROY, SELF_TEST_STEPS } at;
            bool has_key;
            char uid[UUID_TEXT];
            uint64_t begun_us;
            struct {
                bool done, good;
                uint32_t ms;
            } steps[SELF_TEST_STEPS];
        } self_test;
        struct control_certificate {
            bool activate;       /* otherwise: becomes the prepared one */
            bool checked;        /* every signature of its chain */
            uint64_t tickets[2]; /* of the RSA and the elliptic curve one; 0: not concerned */
        } certificate;
    };
    uint8_t message[RETIRE_MESSAGE], answer[RETIRE_MESSAGE];
    char why[160];
    size_t in_len, out_len, out_at;
    char in[CONTROL_LINE];
    char out[CONTROL_PART];
};

/* Rewrites the clients file, a client at a time; one rewriting at once. */
struct clients_file {
    bool busy;
    bool failed;
    bool again; /* changed while it was being written */
    uint32_t at;
    uint32_t offset;
    uint64_t ticket;
    bool replacing;
};

struct counters {
    uint64_t accepted, requests, refused_messages, timeouts, dropped, per_source_refused;
};

struct server {
    struct config config;
    struct log log;
    struct clock now;
    int64_t started_s;
    struct region region;
    bool memory_locked;
    bool stop;
    int folder_fd;
    int listen_fd;
    int control_fd;
    int signal_fd;
    int rare_fds[2]; /* these and the timer: see loop.c */
    int timer_fd;
    uint64_t timer_ms; /* when it ends */
    struct disk_ops ops;
    struct disk disk;
    struct store store;
    struct local_keymgr *local; /* the one or the other */
    struct keyprotect *keyprotect;
    char *roots; /* room for keymanager_roots, when the settings name some */
    struct clients *clients;
    struct tls_server tls;
    struct conn *conns;
    uint32_t *live; /* slots of connections in use, in no order */
    uint32_t live_count;
    size_t turn_number;  /* of the loop: decides which open connection is first */
    uint32_t turn_start; /* where this turn begins with handshakes, so that everybody has a turn */
    struct large_buffer *large;
    struct pollfd *fds;
    size_t fds_count, keymgr_fds;
    uint8_t *scratch; /* MESSAGE_LARGE bytes: the answer being written */
    struct operation_env env;
    struct audit audit;
    struct control_conn *controls;
    uint32_t consoles; /* of these, in use */
    struct clients_file clients_file;
    struct counters counters;
    struct vault vault;
    int state_key_fd;                /* the state key is read from here; 0: there is none */
    struct keypair client_authority; /* signs clients' requests; KEYPAIR_NONE until it is needed */
    struct refused refused;
    struct log_limit limit_unknown, limit_trouble, limit_audit;
    uint16_t port;
};

#define SERVER_VENDOR  "Holdfast"
#define SERVER_VERSION "0.1.0"

#endif
