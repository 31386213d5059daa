/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_resumption.h"

#include "base/bytes.h"
#include "base/wipe.h"

static struct tls *tls_of(br_ssl_server_context *engine)
{
    return (struct tls *)(void *)engine; /* `engine` stands first in struct tls */
}

/* Places for each session identifier, which is random; the newest session stands first. */
#define SET 4

static struct tls_session *session_set(struct tls_server *server, const unsigned char *id)
{
    return &server->sessions[be32_get(id) % (TLS_SESSIONS / SET) * SET];
}

/* The first place of a set; the others move on, up to one that is free or the oldest, which is forgotten. */
static struct tls_session *make_place(struct tls_session *set)
{
    size_t last = 0;
    while (last < SET - 1 && set[last].parameters.session_id_len != 0)
        last++;
    memmove(set + 1, set, last * sizeof *set);
    return set;
}

static void cache_save(const br_ssl_session_cache_class **context, br_ssl_server_context *engine,
                       const br_ssl_session_parameters *parameters)
{
    struct tls_server *server = ((struct tls_cache *)(void *)context)->server;
    struct tls *tls = tls_of(engine);
    if (parameters->session_id_len != sizeof parameters->session_id ||
        (tls->trust.client < 0 && tls->trust.authority < 0))
        return;
    struct tls_session *place = make_place(session_set(server, parameters->session_id));
    place->parameters = *parameters;
    place->client = tls->trust.client;
    place->authority = tls->trust.client < 0 ? tls->trust.authority : -1;
    place->client_serial = tls->trust.client_serial;
}

/* Enrolment takes effect on the next handshake, so a session of a client that is gone, or expired, is none.
 */
static bool session_valid(const struct tls_server *server, const struct tls_session *s)
{
    if (s->client < 0)
        return false; /* chains are validated anew: the certificate may have expired */
    const struct client *c = &server->trust.clients->clients[s->client];
    bool expired = server->trust.refuse_expired && c->not_after_s < server->trust.now_s;
    return c->in_use && !c->disabled && c->serial == s->client_serial && !expired;
}

static int cache_load(const br_ssl_session_cache_class **context, br_ssl_server_context *engine,
                      br_ssl_session_parameters *parameters)
{
    struct tls_server *server = ((struct tls_cache *)(void *)context)->server;
    struct tls *tls = tls_of(engine);
    struct tls_session *set = session_set(server, parameters->session_id);
    for (size_t i = 0; i < SET; i++) {
        struct tls_session *s = &set[i];
        if (s->parameters.session_id_len != sizeof s->parameters.session_id ||
            memcmp(s->parameters.session_id, parameters->session_id, sizeof s->parameters.session_id) != 0)
            continue;
        if (!session_valid(server, s)) {
            wipe(s, sizeof *s);
            return 0;
        }
        *parameters = s->parameters;
        tls->trust.client = s->client;
        tls->trust.client_serial = s->client_serial;
        tls->resumed = true;
        return 1;
    }
    return 0;
}

void tls_resumption_init(struct tls_server *server, struct tls_session *sessions)
{
    static const br_ssl_session_cache_class cache = {
        .context_size = sizeof(struct tls_cache), .save = cache_save, .load = cache_load};
    server->sessions = sessions;
    server->cache = (struct tls_cache){.vtable = &cache, .server = server};
    br_ssl_server_set_cache(&server->engine, &server->cache.vtable);
}
