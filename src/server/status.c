/* SPDX-License-Identifier: Apache-2.0 */
#include "server/status.h"

#include "base/text.h"
#include "crypto/x509_read.h"
#include "server/keymanager.h"

static void print_age(struct buf *out, uint64_t seconds)
{
    if (seconds >= 86400)
        buf_print(out, "%llu d %llu h", (unsigned long long)(seconds / 86400),
                  (unsigned long long)(seconds / 3600 % 24));
    else if (seconds >= 3600)
        buf_print(out, "%llu h %llu min", (unsigned long long)(seconds / 3600),
                  (unsigned long long)(seconds / 60 % 60));
    else if (seconds >= 60)
        buf_print(out, "%llu min %llu s", (unsigned long long)(seconds / 60),
                  (unsigned long long)(seconds % 60));
    else
        buf_print(out, "%llu s", (unsigned long long)seconds);
}

static void print_time(struct buf *out, int64_t unix_s)
{
    char text[TIME_TEXT + 1];
    time_write(unix_s, text);
    buf_add_text(out, text);
}

static void write_lease(const struct server *s, struct buf *out)
{
    const struct lease *l = &s->store.lease;
    buf_print(out, "State            %s since ", lease_state_name(l->state));
    print_time(out, l->since_unix_s);
    buf_add_text(out, "\n");
    if (l->why[0] != 0)
        buf_print(out, "Cause            %s\n", l->why);
    buf_add_text(out, "Key manager      ");
    keymanager_write(s, out);
    buf_add_text(out, keymanager_is_cloud(s) ? "" : ", ");
    if (l->positive_unix_s != 0) {
        buf_add_text(out, "root key confirmed ");
        print_age(out, (s->now.mono_ms - l->positive_mono_ms) / 1000);
        buf_add_text(out, " ago\n");
    } else {
        buf_add_text(out, "root key not confirmed yet\n");
    }
    buf_add_text(out, "Revocation       keys are erased within ");
    print_age(out, l->check_interval_ms / 1000);
    buf_add_text(out, " while the key manager answers,\n                 within ");
    print_age(out, l->offline_ms / 1000);
    buf_add_text(out, " when it cannot be reached\n");
    if (l->state == LEASE_GRACE) {
        buf_add_text(out, "                 keys in memory will be erased in ");
        print_age(out, (l->offline_ms - (s->now.mono_ms - l->positive_mono_ms)) / 1000);
        buf_add_text(out, "\n");
    }
}

static void write_store(const struct server *s, struct buf *out)
{
    const struct store *t = &s->store;
    buf_print(out, "Objects          %u of %llu%s\n", t->catalogue.visible,
              (unsigned long long)s->config.objects,
              store_complete(t) ? "" : ", still reading from the key manager");
    buf_print(out, "Keys in memory   %u, served %llu times, fetched %llu times\n", t->keks.ready,
              (unsigned long long)t->keks.hits, (unsigned long long)t->keks.fetches);
    buf_print(out, "Changes          %llu stored, %llu refused, %u on their way to the key manager\n",
              (unsigned long long)t->commits, (unsigned long long)t->commit_failures, store_on_its_way(t));
    if (t->removals_refused != 0)
        buf_print(out, "Superseded       %llu old records could not be removed from the key manager\n",
                  (unsigned long long)t->removals_refused);
    if (!t->keymgr.shared)
        return;
    buf_add_text(out, "Other nodes      see changes within ");
    print_age(out, (store_sync_bound_ms(t) + 999) / 1000);
    buf_print(out, "; %llu records read, %llu merged, %llu removed there\n",
              (unsigned long long)t->sync.read_total, (unsigned long long)t->sync.merges,
              (unsigned long long)t->sync.gone);
    if (t->rewrap.running)
        buf_print(out, "Root key rotated %u of %u keys wrapped anew, %u refused\n", t->rewrap.done,
                  t->rewrap.total, t->rewrap.failed);
}

static void write_connections(const struct server *s, struct buf *out)
{
    const struct counters *c = &s->counters;
    buf_print(out, "Serving          port %u, %u of %llu connections, %llu requests\n", s->port,
              s->live_count, (unsigned long long)s->config.connections, (unsigned long long)c->requests);
    buf_print(out, "Handshakes       %llu full, %llu resumed, %llu failed\n", (unsigned long long)s->tls.full,
              (unsigned long long)s->tls.resumed, (unsigned long long)s->tls.failed);
    buf_print(out,
              "Refused          %llu unknown certificates, %llu without one, %llu overdue, %llu messages, "
              "%llu over the cap\n",
              (unsigned long long)s->clients->unknown, (unsigned long long)s->clients->anonymous,
              (unsigned long long)c->timeouts, (unsigned long long)c->refused_messages,
              (unsigned long long)(c->per_source_refused + c->dropped));
    if (s->clients->last_unknown_s != 0) {
        char print[2 * SHA256_BYTES + 2];
        hex_write(span_of(s->clients->last_unknown, SHA256_BYTES), 0, false, print, sizeof print);
        buf_print(out, "Last unknown     %s\n                 at ", print);
        print_time(out, s->clients->last_unknown_s);
        buf_add_text(out, "\n");
    }
}

static void write_certificate(const struct tls_identity *identity, const char *kind, struct buf *out)
{
    char sha1[SHA1_THUMBPRINT_TEXT + 2], sha256[SHA256_THUMBPRINT_TEXT + 2];
    struct x509_facts facts;
    if (!identity->in_use)
        return;
    struct span der = tls_certificate_der(tls_current(identity), 0);
    if (x509_read(der, &facts) != STATUS_OK)
        return;
    x509_thumbprint_sha1(der, sha1);
    x509_thumbprint_sha256(der, sha256);
    buf_print(out, "%s certificate, valid until ", kind);
    print_time(out, facts.not_after_s);
    buf_print(out, "\n  SHA1 Fingerprint=%s\n  sha256 Fingerprint=%s\n", sha1, sha256);
}

void status_write_thumbprints(const struct tls_server *tls, struct buf *out)
{
    write_certificate(&tls->rsa, "RSA", out);
    write_certificate(&tls->ec, "ECDSA", out);
}

static void write_warnings(const struct server *s, struct buf *out)
{
    size_t before = out->len;
    if (!s->memory_locked)
        buf_add_text(out, "Warnings         memory is not locked: keys may be swapped to disk\n");
    if (clients_count(s->clients) == 0)
        buf_add_text(out, "Warnings         no client is enrolled: nobody can fetch keys\n");
    keymanager_write_warnings(s, out);
    if (out->len == before)
        buf_add_text(out, "Warnings         none\n");
}

void status_write(const struct server *s, struct buf *out)
{
    write_lease(s, out);
    write_connections(s, out);
    write_store(s, out);
    buf_print(out, "Clients          %u enrolled\n", (unsigned)clients_count(s->clients));
    status_write_thumbprints(&s->tls, out);
    buf_add_text(out, "Software         " SERVER_VERSION ", running ");
    print_age(out, (uint64_t)(s->now.unix_s > s->started_s ? s->now.unix_s - s->started_s : 0));
    buf_add_text(out, "\n");
    write_warnings(s, out);
}

static void write_client(const struct server *s, const struct client *c, struct buf *out)
{
    char print[2 * SHA256_BYTES + 2];
    struct span scope = scopes_name(s->clients->scopes, c->scope);
    hex_write(span_of(c->sha256, SHA256_BYTES), 0, false, print, sizeof print);
    buf_print(out, "%s  sha256 %s\n  %sscope %.*s, %llu handshakes, %llu requests, last seen ", c->name,
              print, c->disabled ? "DISABLED, " : "", scope.len != 0 ? (int)scope.len : 7,
              scope.len != 0 ? (const char *)scope.ptr : "default", (unsigned long long)c->handshakes,
              (unsigned long long)c->requests);
    if (c->last_seen_s == 0)
        buf_add_text(out, "never");
    else
        print_time(out, c->last_seen_s);
    buf_print(out, ", certificate %s ", c->not_after_s < s->now.unix_s ? "EXPIRED" : "valid until");
    print_time(out, c->not_after_s);
    buf_add_text(out, "\n");
}

bool status_write_client(const struct server *s, uint32_t i, struct buf *out)
{
    const struct clients *c = s->clients;
    if (i < CLIENTS_MAX) {
        if (c->clients[i].in_use)
            write_client(s, &c->clients[i], out);
        return true;
    }
    i -= CLIENTS_MAX;
    if (i < AUTHORITIES_MAX) {
        if (c->authorities[i].in_use)
            buf_print(out, "authority %s: certificates that it signed are accepted\n",
                      c->authorities[i].name);
        return true;
    }
    i -= AUTHORITIES_MAX;
    if (i < USERS_MAX && c->users[i].in_use)
        buf_print(out, "user %s\n", c->users[i].name);
    return i < USERS_MAX;
}

void status_write_memory(const struct region *region, bool locked, bool required, struct buf *out)
{
    buf_print(out, "%-20s %8s %10s %12s\n", "pool", "slots", "bytes", "sum");
    for (size_t i = 0; i < region->pool_count; i++) {
        const struct region_pool *p = &region->pools[i];
        buf_print(out, "%-20s %8zu %10zu %12zu\n", p->name, p->slots, p->slot_bytes,
                  p->slots * p->slot_bytes);
    }
    buf_print(out, "%-20s %8s %10s %12zu bytes, %.1f MiB, %s\n", "all", "", "", region->used,
              (double)region->used / 1048576.0,
              locked     ? "locked"
              : required ? "to be locked"
                         : "locked if the system allows");
}

bool status_write_setting(const struct config *config, uint32_t i, struct buf *out)
{
    const struct setting *setting = setting_at(i);
    if (setting == NULL)
        return false;
    buf_print(out, "set %s ", setting->path);
    config_show(config, setting, out);
    buf_add_text(out, "\n");
    return true;
}

void status_write_config(const struct config *config, struct buf *out)
{
    for (uint32_t i = 0; status_write_setting(config, i, out); i++)
        continue;
}

void status_write_version(struct buf *out)
{
    buf_add_text(out, "holdfast " SERVER_VERSION ", KMIP 1.0 to 1.4, TLS 1.2\n");
}
