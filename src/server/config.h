/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: lines "set <path> <value>", one grammar for the file, the console, the seed and the export. Every
 * setting is a row in one table. A bad line is named with its number and reason, and nothing of the file is
 * applied.
 */
#ifndef HOLDFAST_SERVER_CONFIG_H
#define HOLDFAST_SERVER_CONFIG_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/status.h"

#define PATH_MAX_BYTES 200
#define SETTING_WORDS  8

struct config {
    char state_folder[PATH_MAX_BYTES];
    char control_socket[PATH_MAX_BYTES];
    char server_name[PATH_MAX_BYTES];
    char listen[PATH_MAX_BYTES];
    uint64_t connections;
    uint64_t per_source;
    uint64_t handshake_timeout_ms;
    uint64_t idle_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t tls_compat;    /* 1: static RSA key exchange too */
    uint64_t client_expiry; /* 1: expired client certificates are refused */
    uint64_t keymanager;    /* enum keymanager_type */
    char keymanager_region[PATH_MAX_BYTES];
    uint64_t keymanager_network; /* 1: private */
    char keymanager_endpoint[PATH_MAX_BYTES];
    char keymanager_instance[PATH_MAX_BYTES];
    char keymanager_root_key[PATH_MAX_BYTES];
    char keymanager_key_ring[PATH_MAX_BYTES];
    char keymanager_iam[PATH_MAX_BYTES];
    char keymanager_broker[PATH_MAX_BYTES];
    char keymanager_roots[PATH_MAX_BYTES];
    char keymanager_root[ROOT_TEXT + 1]; /* DER in base64, or "" */
    char keymanager_proxy[PATH_MAX_BYTES];
    uint64_t keymanager_timeout_ms;
    uint64_t sync_busy_ms, sync_idle_ms;
    uint64_t check_interval_ms;
    uint64_t offline_lease_ms;
    uint64_t objects;
    uint64_t record_bytes; /* of memory for each object, on average */
    uint64_t flush_window_ms;
    uint64_t commit;  /* 1: every change waits for the key manager */
    uint64_t journal; /* 0: none */
    uint64_t lease_time_ms;
    uint64_t memory_lock; /* 1: best effort */
    uint64_t log_level;
    char server_addresses[PATH_MAX_BYTES];
    /* From here on the appliance's: process 1 and the console read them, the server does not. */
    char uplink_mac[PATH_MAX_BYTES];
    char uplink_address[PATH_MAX_BYTES];
    char uplink_gateway[PATH_MAX_BYTES];
    char uplink_address6[PATH_MAX_BYTES];
    char uplink_gateway6[PATH_MAX_BYTES];
    uint64_t uplink_vlan; /* 0: none */
    uint64_t uplink_mtu;
    char dns[PATH_MAX_BYTES];
    char ntp[PATH_MAX_BYTES];
    uint64_t ntp_max_step_ms;
    uint64_t unlock; /* enum unlock_mode */
    uint64_t admin_idle_ms;
    char admin_banner[PATH_MAX_BYTES];
    char update_url[PATH_MAX_BYTES];
};

/* How the secrets at rest are opened after a start; in the order of the setting's words. */
enum unlock_mode { UNLOCK_FILE, UNLOCK_TPM, UNLOCK_PASSPHRASE };

enum setting_type {
    SETTING_TEXT,
    SETTING_OPTION /* a text, or "" for none */,
    SETTING_LIST /* words apart by blanks, or "" for none */,
    SETTING_NUMBER,
    SETTING_DURATION,
    SETTING_CHOICE,
    SETTING_ROOT /* a certificate authority's certificate: DER in base64, or "" for none */
};

struct setting {
    const char *path;
    enum setting_type type;
    size_t offset;        /* in struct config */
    const char *normal;   /* the default, as it would be typed */
    uint64_t least, most; /* of numbers; of durations in milliseconds */
    const char *choices;  /* words apart by blanks; the value is the place */
    const char *help;     /* one sentence with the reason */
};

/* characters; a setting's value as config_show writes it. */
#define SETTING_VALUE (ROOT_TEXT + 3)

/* The i-th row; NULL behind the last. */
const struct setting *setting_at(size_t i);

void config_defaults(struct config *config);

/* Splits a line into words (with "quoted text"); returns how many, 0 for blank lines and comments,
 * SETTING_WORDS + 1 for too
 * many or a quote that is not closed. */
size_t config_words(struct span line, struct span words[SETTING_WORDS]);

/*
 * Applies one line, without its "set". False with a text in why. Lines of clients, authorities and users are
 * not settings: *is_client becomes true and nothing is done.
 */
MUST_USE bool config_set(struct config *config, const struct span *words, size_t count, bool *is_client,
                         char *why, size_t why_cap);

/* The value of a setting as it would be typed. */
void config_show(const struct config *config, const struct setting *setting, struct buf *out);

/* Whether a server that runs on `a` has to be started anew for `b`: settings of the appliance alone do not
 * count. */
bool config_serves_alike(const struct config *a, const struct config *b);

/* The table of all settings in Markdown, for the README. */
void config_write_table(struct buf *out);

#endif
