/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/x509_key.h"
#include "crypto/x509_read.h"

#define SECOND    1000ull
#define MINUTE    (60 * SECOND)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define AT(field) offsetof(struct config, field)

static const struct setting settings[] = {
    {"state folder", SETTING_TEXT, AT(state_folder), ".", 0, 0, NULL,
     "Folder of keys, certificates, journal, clients and the local key manager; it belongs to the server "
     "alone."},
    {"control socket", SETTING_TEXT, AT(control_socket), "control.sock", 0, 0, NULL,
     "Socket in the state folder that the console speaks to; only the server's own user may open it."},
    {"server name", SETTING_TEXT, AT(server_name), "holdfast", 0, 0, NULL,
     "Name in the server certificates, when the server makes them at its first start."},
    {"server listen", SETTING_TEXT, AT(listen), "[::]:5696", 0, 0, NULL,
     "Address and port for KMIP: 192.0.2.11:5696, [::1]:5696, or [::]:5696 for every address."},
    {"server connections", SETTING_NUMBER, AT(connections), "256", 4, 4096, NULL,
     "Connections at once, 24 KiB each; vCenter uses two, every ESXi host with vSAN one or two."},
    {"server per-source", SETTING_NUMBER, AT(per_source), "64", 1, 4096, NULL,
     "Connections from one address that have not authenticated yet; more are closed, so one machine cannot "
     "take every slot."},
    {"server handshake-timeout", SETTING_DURATION, AT(handshake_timeout_ms), "10s", 100, 10 * MINUTE, NULL,
     "From the connection to the end of the TLS handshake; ten times what a slow link needs."},
    {"server idle-timeout", SETTING_DURATION, AT(idle_timeout_ms), "10m", 100, DAY, NULL,
     "Without a request; twice vCenter's polling interval of five minutes."},
    {"server request-timeout", SETTING_DURATION, AT(request_timeout_ms), "20s", 100, 10 * MINUTE, NULL,
     "From the first byte of a request to its answer; longer than a key manager's slow answer, shorter than "
     "a person's patience."},
    {"tls compat", SETTING_CHOICE, AT(tls_compat), "off", 0, 0, "off on",
     "Also offers static RSA key exchange, for vCenter 6.5 to 7.0; it has no forward secrecy."},
    {"clients expiry", SETTING_CHOICE, AT(client_expiry), "warn", 0, 0, "warn enforce",
     "Whether an enrolled certificate that has expired is still accepted; a forgotten date should not stop "
     "machines."},
    {"keymanager type", SETTING_CHOICE, AT(keymanager), "local", 0, 0, "local keyprotect hpcs",
     "Where the root key is: local is the embedded key manager on this machine's disk, keyprotect is IBM Key "
     "Protect, hpcs is IBM Hyper Protect Crypto Services."},
    {"keymanager region", SETTING_OPTION, AT(keymanager_region), "", 0, 0, NULL,
     "Region of IBM Cloud that the instance is in, as us-south or eu-de."},
    {"keymanager network", SETTING_CHOICE, AT(keymanager_network), "public", 0, 0, "public private",
     "private: over IBM Cloud's private network, for the key manager and for IAM."},
    {"keymanager endpoint", SETTING_OPTION, AT(keymanager_endpoint), "", 0, 0, NULL,
     "https://HOST[:PORT] of the instance, when it does not follow from region and network; HPCS tells its "
     "own."},
    {"keymanager instance", SETTING_OPTION, AT(keymanager_instance), "", 0, 0, NULL,
     "ID of the instance: a UUID, the part of its CRN before the last two colons."},
    {"keymanager root-key", SETTING_OPTION, AT(keymanager_root_key), "", 0, 0, NULL,
     "ID or alias of the root key that wraps every KEK; whoever deletes it shreds them all."},
    {"keymanager key-ring", SETTING_OPTION, AT(keymanager_key_ring), "", 0, 0, NULL,
     "ID of the key ring for records; one of its own keeps the API key's rights narrow."},
    {"keymanager iam", SETTING_OPTION, AT(keymanager_iam), "", 0, 0, NULL,
     "https://HOST[:PORT] of IAM, when it is not IBM Cloud's own."},
    {"keymanager broker", SETTING_OPTION, AT(keymanager_broker), "", 0, 0, NULL,
     "https://HOST[:PORT] of the HPCS broker that tells an instance's endpoint, when it is not the region's "
     "own."},
    {"keymanager roots", SETTING_OPTION, AT(keymanager_roots), "", 0, 0, NULL,
     "PEM file of the root certificates that the key manager's and IAM's certificates have to lead to; "
     "without "
     "one the few that IBM Cloud uses, built in."},
    {"keymanager root", SETTING_ROOT, AT(keymanager_root), "", 0, 0, NULL,
     "One more root certificate, beside those: of a private key manager, or of a proxy that opens TLS. "
     "Base64 "
     "of its DER; a console takes it as PEM."},
    {"keymanager proxy", SETTING_OPTION, AT(keymanager_proxy), "", 0, 0, NULL,
     "http://HOST:PORT of a proxy (CONNECT) on the way to the key manager."},
    {"keymanager timeout", SETTING_DURATION, AT(keymanager_timeout_ms), "10s", 500, MINUTE, NULL,
     "From a call to the key manager to its answer, retries included."},
    {"sync busy", SETTING_DURATION, AT(sync_busy_ms), "1s", 100, HOUR, NULL,
     "How often the key manager is asked what other nodes changed, for a minute after each change."},
    {"sync idle", SETTING_DURATION, AT(sync_idle_ms), "15s", 100, HOUR, NULL,
     "The same while nothing changes; with the flush window it bounds how late another node sees a change."},
    {"cache check-interval", SETTING_DURATION, AT(check_interval_ms), "30s", 100, HOUR, NULL,
     "How often the key manager is asked about the root key; keys are erased within this time after it was "
     "revoked."},
    {"cache offline-lease", SETTING_DURATION, AT(offline_lease_ms), "4h", SECOND, 30 * DAY, NULL,
     "How long keys in memory are served while the key manager cannot be reached."},
    {"store objects", SETTING_NUMBER, AT(objects), "16384", 16, 1000000, NULL,
     "Objects that the catalogue holds; one for each encrypted VM, host and vSAN disk group, and every "
     "re-key adds one."},
    {"store record-bytes", SETTING_NUMBER, AT(record_bytes), "696", 256, 8192, NULL,
     "Memory for the record of one object, on average; a key with vCenter's six attributes takes 640 to "
     "700. With a cloud key manager 288 more are taken."},
    {"store flush-window", SETTING_DURATION, AT(flush_window_ms), "2s", 0, MINUTE, NULL,
     "How long changes that are safe in the journal are collected before the key manager gets them."},
    {"store commit", SETTING_CHOICE, AT(commit), "journal", 0, 0, "journal keymgr",
     "keymgr: every change waits for the key manager, not only those that make, revoke and destroy objects."},
    {"store journal", SETTING_CHOICE, AT(journal), "on", 0, 0, "off on",
     "off: nothing is kept on this disk but what the local key manager keeps; every change waits for the key "
     "manager."},
    {"kmip lease-time", SETTING_DURATION, AT(lease_time_ms), "1h", SECOND, 365 * DAY, NULL,
     "KMIP's attribute Lease Time: how long a client may use an object before it asks again."},
    {"memory lock", SETTING_CHOICE, AT(memory_lock), "required", 0, 0, "required best-effort",
     "required: the server does not start when its memory cannot be locked against swapping."},
    {"log level", SETTING_CHOICE, AT(log_level), "info", 0, 0, "error warning info debug",
     "What is written to standard error."},
    {"server addresses", SETTING_LIST, AT(server_addresses), "", 0, 0, NULL,
     "Further addresses that the server's certificates name, beside the one it listens on."},
    {"interface uplink mac", SETTING_OPTION, AT(uplink_mac), "", 0, 0, NULL,
     "Appliance: the network port, by its MAC address; without one the first port that has a link."},
    {"interface uplink address", SETTING_TEXT, AT(uplink_address), "dhcp", 0, 0, NULL,
     "Appliance: dhcp, none, or the IPv4 address with its prefix length, as 192.0.2.11/24."},
    {"interface uplink gateway", SETTING_OPTION, AT(uplink_gateway), "", 0, 0, NULL,
     "Appliance: IPv4 gateway, when the address is not from DHCP."},
    {"interface uplink address6", SETTING_TEXT, AT(uplink_address6), "auto", 0, 0, NULL,
     "Appliance: auto (router advertisements), none, or the IPv6 address with its prefix length."},
    {"interface uplink gateway6", SETTING_OPTION, AT(uplink_gateway6), "", 0, 0, NULL,
     "Appliance: IPv6 gateway, when the address is not automatic."},
    {"interface uplink vlan", SETTING_NUMBER, AT(uplink_vlan), "0", 0, 4094, NULL,
     "Appliance: VLAN whose frames carry its tag; 0 for none."},
    {"interface uplink mtu", SETTING_NUMBER, AT(uplink_mtu), "1500", 1280, 9216, NULL,
     "Appliance: largest packet, in bytes."},
    {"dns", SETTING_LIST, AT(dns), "", 0, 0, NULL,
     "Appliance: up to three name servers, by address; without any those that DHCP names."},
    {"time ntp", SETTING_LIST, AT(ntp), "", 0, 0, NULL,
     "Appliance: up to three time servers; without any those that DHCP names."},
    {"time max-step", SETTING_DURATION, AT(ntp_max_step_ms), "1d", MINUTE, 365 * DAY, NULL,
     "Appliance: how far a time server may set the clock ahead while the server runs; it never goes back "
     "behind the release's own date."},
    {"unlock", SETTING_CHOICE, AT(unlock), "file", 0, 0, "file tpm passphrase",
     "Appliance: how the secrets on its disk are opened after a start: file: they are not protected; tpm: by "
     "this box alone; passphrase: typed at the console."},
    {"admin idle", SETTING_DURATION, AT(admin_idle_ms), "10m", 30 * SECOND, DAY, NULL,
     "Appliance: a console without a key pressed logs out."},
    {"admin banner", SETTING_OPTION, AT(admin_banner), "", 0, 0, NULL,
     "Appliance: a line shown before login."},
    {"update url", SETTING_OPTION, AT(update_url), "", 0, 0, NULL,
     "Appliance: https:// address of the update file that update check looks at."},
};

const struct setting *setting_at(size_t i)
{
    return i < COUNT_OF(settings) ? &settings[i] : NULL;
}

size_t config_words(struct span line, struct span words[SETTING_WORDS])
{
    size_t count = 0, at = 0;
    while (at < line.len) {
        uint8_t c = line.ptr[at];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            at++;
            continue;
        }
        if (c == '#' && count == 0)
            return 0;
        if (count == SETTING_WORDS)
            return SETTING_WORDS + 1;
        size_t from = at;
        if (c == '"') {
            from = ++at;
            while (at < line.len && line.ptr[at] != '"')
                at++;
            if (at == line.len)
                return SETTING_WORDS + 1; /* the quote is not closed */
            words[count++] = span_of(line.ptr + from, at - from);
            at++;
            continue;
        }
        while (at < line.len && line.ptr[at] != ' ' && line.ptr[at] != '\t' && line.ptr[at] != '\r' &&
               line.ptr[at] != '\n')
            at++;
        words[count++] = span_of(line.ptr + from, at - from);
    }
    return count;
}

/* 30s, 5m, 4h, 3d, 250ms */
static enum status read_duration(struct span text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", SECOND}, {"m", MINUTE}, {"h", HOUR}, {"d", DAY}};
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    uint64_t number;
    enum status status = number_read(span_of(text.ptr, digits), 1000000000, &number);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (span_equal(span_of(text.ptr + digits, text.len - digits), span_of_text(units[i].unit))) {
            *out = number * units[i].ms;
            return STATUS_OK;
        }
    return STATUS_MALFORMED;
}

static void print_duration(struct buf *out, uint64_t ms)
{
    if (ms % DAY == 0 && ms != 0)
        buf_print(out, "%llud", (unsigned long long)(ms / DAY));
    else if (ms % HOUR == 0 && ms != 0)
        buf_print(out, "%lluh", (unsigned long long)(ms / HOUR));
    else if (ms % MINUTE == 0 && ms != 0)
        buf_print(out, "%llum", (unsigned long long)(ms / MINUTE));
    else if (ms % SECOND == 0)
        buf_print(out, "%llus", (unsigned long long)(ms / SECOND));
    else
        buf_print(out, "%llums", (unsigned long long)ms);
}

/* The i-th of words apart by blanks; empty behind the last. */
static struct span choice_at(const char *choices, size_t i)
{
    for (;;) {
        size_t len = strcspn(choices, " ");
        if (i-- == 0 || len == 0)
            return span_of(choices, len);
        choices += len;
        choices += *choices == ' ';
    }
}

static bool fail_range(const struct setting *s, char *why, size_t cap)
{
    char least[24] = "", most[24] = "";
    struct buf l = buf_over(least, sizeof least), m = buf_over(most, sizeof most);
    if (s->type == SETTING_DURATION) {
        print_duration(&l, s->least);
        print_duration(&m, s->most);
        snprintf(why, cap, "%s is a time from %s to %s, as 250ms, 30s, 5m, 4h or 3d", s->path, least, most);
    } else {
        snprintf(why, cap, "%s is a number from %llu to %llu", s->path, (unsigned long long)s->least,
                 (unsigned long long)s->most);
    }
    return false;
}

static bool set_text(char *field, const struct setting *s, struct span value, char *why, size_t cap)
{
    size_t least = s->type == SETTING_TEXT ? 1 : 0;
    bool printable = value.len >= least && value.len < PATH_MAX_BYTES;
    for (size_t i = 0; printable && i < value.len; i++)
        printable = value.ptr[i] >= ' ' && value.ptr[i] < 0x7f && value.ptr[i] != '"';
    if (!printable) {
        snprintf(why, cap, "%s is a text of %zu to %d printable ASCII characters without quotes", s->path,
                 least, PATH_MAX_BYTES - 1);
        return false;
    }
    memset(field, 0, PATH_MAX_BYTES); /* settings are compared as bytes */
    if (value.len != 0)
        memcpy(field, value.ptr, value.len);
    return true;
}

static bool set_root(char *field, const struct setting *s, struct span value, char *why, size_t cap)
{
    uint8_t der[ROOT_DER_MAX];
    size_t len = 0;
    struct x509_facts facts;
    struct x509_key key;
    if (value.len > ROOT_TEXT || base64_read(value, der, sizeof der, &len) != STATUS_OK)
        snprintf(why, cap, "%s is a certificate of at most %d bytes, as base64 of its DER", s->path,
                 ROOT_DER_MAX);
    else if (len != 0 && x509_read(span_of(der, len), &facts) != STATUS_OK)
        snprintf(why, cap, "%s is not an X.509 certificate", s->path);
    else if (len != 0 && !facts.is_authority)
        snprintf(why, cap, "%s is no authority's certificate: take the root that signed the server's",
                 s->path);
    else if (len != 0 && x509_key_read(facts.public_key, &key) != STATUS_OK)
        snprintf(why, cap, "%s has a key that is neither RSA of at most 4096 bits nor ECDSA on a NIST curve",
                 s->path);
    else {
        struct buf out = buf_over(field, ROOT_TEXT + 1);
        memset(field, 0, ROOT_TEXT + 1);
        base64_write(span_of(der, len), &out);
        return true;
    }
    return false;
}

static bool set_choice(uint64_t *field, const struct setting *s, struct span value, char *why, size_t cap)
{
    for (size_t i = 0; choice_at(s->choices, i).len != 0; i++)
        if (span_equal(value, choice_at(s->choices, i))) {
            *field = i;
            return true;
        }
    snprintf(why, cap, "%s is one of: %s", s->path, s->choices);
    return false;
}

static bool set_value(struct config *config, const struct setting *s, struct span value, char *why,
                      size_t cap)
{
    uint8_t *field = (uint8_t *)config + s->offset;
    uint64_t number = 0;
    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_OPTION:
    case SETTING_LIST:
        return set_text((char *)field, s, value, why, cap);
    case SETTING_CHOICE:
        return set_choice((uint64_t *)(void *)field, s, value, why, cap);
    case SETTING_ROOT:
        return set_root((char *)field, s, value, why, cap);
    case SETTING_NUMBER:
    case SETTING_DURATION:
        break;
    }
    enum status status =
        s->type == SETTING_NUMBER ? number_read(value, s->most, &number) : read_duration(value, &number);
    if (status != STATUS_OK || number < s->least || number > s->most)
        return fail_range(s, why, cap);
    memcpy(field, &number, sizeof number);
    return true;
}

/* How many of the words are this setting's path; 0 when they do not begin with it. */
static size_t path_words(const struct setting *s, const struct span *words, size_t count)
{
    const char *path = s->path;
    size_t i = 0;
    for (; *path != 0; i++) {
        struct span part = span_of(path, strcspn(path, " "));
        if (i == count || !span_equal(part, words[i]))
            return 0;
        path += part.len;
        path += *path == ' ';
    }
    return i;
}

/* One value, or the words of a list joined by blanks. */
static bool set_words(struct config *config, const struct setting *s, const struct span *values, size_t count,
                      char *why, size_t cap)
{
    char text[PATH_MAX_BYTES + 1];
    struct buf joined = buf_over(text, sizeof text);
    if (count == 1)
        return set_value(config, s, values[0], why, cap);
    for (size_t i = 0; i < count; i++)
        buf_print(&joined, "%s%.*s", i == 0 ? "" : " ", (int)values[i].len, (const char *)values[i].ptr);
    return set_value(config, s, buf_span(&joined), why, cap);
}

bool config_set(struct config *config, const struct span *words, size_t count, bool *is_client, char *why,
                size_t cap)
{
    *is_client = false;
    if (count > 0 &&
        (span_equal(words[0], span_of_text("client")) || span_equal(words[0], span_of_text("authority")) ||
         span_equal(words[0], span_of_text("user")))) {
        *is_client = true;
        return true;
    }
    if (count < 2) {
        snprintf(why, cap, "a line is: set <path> <value>");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        size_t path = path_words(&settings[i], words, count - 1);
        if (path != 0 && (path == count - 1 || settings[i].type == SETTING_LIST))
            return set_words(config, &settings[i], words + path, count - path, why, cap);
    }
    struct buf out = buf_over(why, cap);
    buf_add_text(&out, "no such setting:");
    for (size_t i = 0; i + 1 < count; i++) {
        buf_add_text(&out, " ");
        buf_add_printable(&out, words[i]);
    }
    return false;
}

void config_defaults(struct config *config)
{
    char why[128];
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < COUNT_OF(settings); i++)
        if (!set_value(config, &settings[i], span_of_text(settings[i].normal), why, sizeof why))
            abort(); /* a default outside its own bounds: our own bug */
}

static bool is_text(const struct setting *s)
{
    return s->type == SETTING_TEXT || s->type == SETTING_OPTION || s->type == SETTING_LIST ||
           s->type == SETTING_ROOT;
}

void config_show(const struct config *config, const struct setting *s, struct buf *out)
{
    const uint8_t *field = (const uint8_t *)config + s->offset;
    uint64_t number;
    if (is_text(s)) {
        bool words = s->type == SETTING_LIST && field[0] != 0;
        bool quoted = !words && (field[0] == 0 || strpbrk((const char *)field, " #") != NULL);
        buf_print(out, quoted ? "\"%s\"" : "%s", (const char *)field);
        return;
    }
    memcpy(&number, field, sizeof number);
    if (s->type == SETTING_DURATION) {
        print_duration(out, number);
    } else if (s->type == SETTING_NUMBER) {
        buf_print(out, "%llu", (unsigned long long)number);
    } else {
        struct span word = choice_at(s->choices, number);
        buf_print(out, "%.*s", (int)word.len, (const char *)word.ptr);
    }
}

/* Where the appliance's settings begin in the struct. */
#define APPLIANCE AT(uplink_mac)

bool config_serves_alike(const struct config *a, const struct config *b)
{
    return memcmp(a, b, APPLIANCE) == 0;
}

void config_write_table(struct buf *out)
{
    buf_add_text(out, "| setting | default | values | what it is for |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const struct setting *s = &settings[i];
        buf_print(out, "| `%s` | `%s` | ", s->path, s->normal[0] == 0 ? "\"\"" : s->normal);
        if (is_text(s)) {
            buf_add_text(out, s->type == SETTING_LIST   ? "words"
                              : s->type == SETTING_ROOT ? "base64"
                                                        : "text");
        } else if (s->type == SETTING_CHOICE) {
            buf_add_text(out, s->choices);
        } else if (s->type == SETTING_NUMBER) {
            buf_print(out, "%llu to %llu", (unsigned long long)s->least, (unsigned long long)s->most);
        } else {
            print_duration(out, s->least);
            buf_add_text(out, " to ");
            print_duration(out, s->most);
        }
        buf_print(out, " | %s |\n", s->help);
    }
}
