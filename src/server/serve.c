/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wipe.h"
#include "server/identity.h"
#include "server/keymanager.h"
#include "server/loop.h"
#include "server/sandbox.h"
#include "server/status.h"
#include "server/text.h"

#define CONFIG_BYTES 65536
#define BACKLOG      512
/* tenths of a second to wait for the state folder */
#define LOCK_TRIES 50

/* ---- configuration ---- */

static bool read_lines(struct server *s, const char *path, struct span text, bool clients, char *why,
                       size_t cap)
{
    struct span line, words[SETTING_WORDS];
    for (unsigned number = 1; line_next(&text, &line); number++) {
        char reason[300];
        bool is_client = false;
        size_t count = config_words(line, words);
        if (count == 0)
            continue;
        bool good = count <= SETTING_WORDS && span_equal(words[0], span_of_text("set"));
        if (!good)
            snprintf(reason, sizeof reason,
                     "a line is: set <path> <value>; text with blanks stands in quotes");
        else if (clients)
            good = clients_set(s->clients, words + 1, count - 1, reason, sizeof reason);
        else
            good = config_set(&s->config, words + 1, count - 1, &is_client, reason, sizeof reason);
        if (good && is_client) {
            good = false;
            snprintf(reason, sizeof reason,
                     "clients, authorities and users belong into %s in the state folder", CLIENTS_FILE);
        }
        if (!good) {
            snprintf(why, cap, "%s:%u: %s", path, number, reason);
            return false;
        }
    }
    return true;
}

bool serve_read_config(struct server *s, const char *path, char *why, size_t cap)
{
    static const char too_large[] = "is larger than 65,536 bytes";
    char text[CONFIG_BYTES + 1];
    config_defaults(&s->config);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    size_t len = 0;
    ssize_t n = 0;
    while (len < sizeof text && (n = read(fd, text + len, sizeof text - len)) > 0)
        len += (size_t)n;
    close(fd);
    if (n < 0) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    if (len > CONFIG_BYTES) {
        snprintf(why, cap, "%s: %s", path, too_large);
        return false;
    }
    return read_lines(s, path, span_of(text, len), false, why, cap);
}

static bool read_clients(struct server *s, char *why, size_t cap)
{
    struct stat info;
    int fd = openat(s->folder_fd, CLIENTS_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0 || fstat(fd, &info) != 0) {
        snprintf(why, cap, "%s: %s", CLIENTS_FILE, strerror(errno));
        return false;
    }
    void *text = info.st_size == 0 ? NULL : mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (text == NULL)
        return true;
    if (text == MAP_FAILED) {
        snprintf(why, cap, "%s: %s", CLIENTS_FILE, strerror(errno));
        return false;
    }
    bool good = read_lines(s, CLIENTS_FILE, span_of(text, (size_t)info.st_size), true, why, cap);
    munmap(text, (size_t)info.st_size);
    return good;
}

/* ---- memory ---- */

static void carve(struct server *s)
{
    size_t conns = s->config.connections;
    size_t more = keymanager_is_cloud(s) ? CLOUD_RECORD_MORE : 0;
    struct store_settings settings = {.objects = (uint32_t)s->config.objects,
                                      .record_bytes = s->config.objects * (s->config.record_bytes + more),
                                      .flush_window_ms = s->config.flush_window_ms,
                                      .check_interval_ms = s->config.check_interval_ms,
                                      .offline_ms = s->config.offline_lease_ms,
                                      .sync_busy_ms = s->config.sync_busy_ms,
                                      .sync_idle_ms = s->config.sync_idle_ms,
                                      .journal = s->config.journal == 1,
                                      .commit_keymgr = s->config.commit == 1};
    struct region *r = &s->region;
    s->conns = region_take(r, "connections", conns, sizeof(struct conn));
    s->live = region_take(r, "connection list", conns, 3 * sizeof(uint32_t));
    s->fds = region_take(r, "poll", conns + LOOP_OTHER_FDS, sizeof(struct pollfd));
    s->large = region_take(r, "large buffers", MESSAGE_LARGE_SLOTS, sizeof(struct large_buffer));
    s->scratch = region_take(r, "answer", 1, MESSAGE_LARGE);
    s->env.material = region_take(r, "key material", 1, MATERIAL_MAX);
    s->env.drafts = region_take(r, "drafts", 2, sizeof(struct draft));
    s->tls.sessions = region_take(r, "TLS sessions", TLS_SESSIONS, sizeof(struct tls_session));
    s->clients = region_take(r, "clients", 1, sizeof(struct clients));
    s->controls = region_take(r, "consoles", CONTROL_SLOTS, sizeof(struct control_conn));
    keymanager_carve(s);
    store_carve(&s->store, r, &settings);
}

void serve_plan(struct server *s)
{
    s->region = (struct region){.base = NULL};
    carve(s);
}

static bool take_memory(struct server *s, char *why, size_t cap)
{
    serve_plan(s);
    bool required = s->config.memory_lock == 0;
    if (region_map(&s->region, s->region.used, true, &s->memory_locked) != STATUS_OK) {
        snprintf(why, cap, "there are no %zu bytes of memory; lower store objects", s->region.used);
        return false;
    }
    carve(s);
    /* The stack and this struct hold secrets for moments; program text is locked so that serving never waits
     * for a disk. */
    s->memory_locked = s->memory_locked && mlockall(MCL_CURRENT) == 0;
    text_unlock_others();
    if (!s->memory_locked && required) {
        snprintf(why, cap,
                 "%zu bytes of memory cannot be locked; raise the limit (ulimit -l) or set memory lock "
                 "best-effort",
                 s->region.used);
        return false;
    }
    return true;
}

/* ---- sockets ---- */

/* "192.0.2.11:5696", "[::1]:5696", "[::]:5696": one socket of IPv6, which takes IPv4 too. */
static bool read_listen(const char *text, struct sockaddr_in6 *out, uint16_t *port)
{
    char host[PATH_MAX_BYTES], mapped[PATH_MAX_BYTES + 8];
    const char *colon = strrchr(text, ':');
    uint64_t number;
    if (colon == NULL || number_read(span_of_text(colon + 1), 65535, &number) != STATUS_OK)
        return false;
    size_t len = (size_t)(colon - text);
    memcpy(host, text, len);
    host[len] = 0;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = 0;
        snprintf(mapped, sizeof mapped, "%s", host + 1);
    } else {
        snprintf(mapped, sizeof mapped, "::ffff:%s", host);
    }
    *out = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
    *port = (uint16_t)number;
    return inet_pton(AF_INET6, mapped, &out->sin6_addr) == 1;
}

static bool listen_kmip(struct server *s, char *why, size_t cap)
{
    struct sockaddr_in6 address;
    int on = 1, off = 0;
    socklen_t len = sizeof address;
    if (!read_listen(s->config.listen, &address, &s->port)) {
        snprintf(why, cap, "server listen %s is not ADDRESS:PORT, as 192.0.2.11:5696 or [::]:5696",
                 s->config.listen);
        return false;
    }
    s->listen_fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(s->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(s->listen_fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(s->listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* accepted sockets inherit it */
    if (bind(s->listen_fd, (struct sockaddr *)(void *)&address, sizeof address) != 0 ||
        listen(s->listen_fd, BACKLOG) != 0) {
        snprintf(why, cap, "cannot listen on %s: %s", s->config.listen, strerror(errno));
        return false;
    }
    if (getsockname(s->listen_fd, (struct sockaddr *)(void *)&address, &len) == 0)
        s->port = ntohs(address.sin6_port);
    return true;
}

/* Whether the folder of this path has the setgid bit. */
static bool is_for_group(const char *path)
{
    char folder[108];
    struct stat info;
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(folder, path, len);
    memcpy(folder + len, len == 0 ? (slash == NULL ? "." : "/") : "", len == 0 ? 2 : 1);
    return stat(folder, &info) == 0 && (info.st_mode & S_ISGID) != 0;
}

static bool listen_control(struct server *s, char *why, size_t cap)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = s->config.control_socket[0] == '/'
                ? snprintf(address.sun_path, sizeof address.sun_path, "%s", s->config.control_socket)
                : snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", s->config.state_folder,
                           s->config.control_socket);
    if (n < 0 || (size_t)n >= sizeof address.sun_path) {
        snprintf(
            why, cap,
            "the path of the control socket is longer than 107 bytes; set control socket to a shorter one");
        return false;
    }
    s->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(address.sun_path);
    /* In a folder that gives its group to what is made in it, that group may connect. */
    mode_t mask = umask(is_for_group(address.sun_path) ? 0117 : 0177);
    int bound = bind(s->control_fd, (struct sockaddr *)(void *)&address, sizeof address);
    umask(mask);
    if (bound != 0 || listen(s->control_fd, CONTROL_SLOTS) != 0) {
        snprintf(why, cap, "cannot make the control socket %s: %s", address.sun_path, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < CONTROL_SLOTS; i++)
        s->controls[i].fd = -1;
    return true;
}

/* ---- start ---- */

static bool open_folder(struct server *s, char *why, size_t cap)
{
    s->folder_fd = open(s->config.state_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder_fd < 0) {
        snprintf(why, cap, "state folder %s: %s", s->config.state_folder, strerror(errno));
        return false;
    }
    /* The disk process of a server that was killed still writes what it was given; it ends in a moment. */
    int tries = 0;
    while (flock(s->folder_fd, LOCK_EX | LOCK_NB) != 0 && tries++ < LOCK_TRIES)
        poll(NULL, 0, 100);
    if (tries > LOCK_TRIES) {
        snprintf(why, cap, "state folder %s: another server uses it", s->config.state_folder);
        return false;
    }
    return true;
}

bool serve_read_state_key(struct server *s, char *why, size_t cap)
{
    uint8_t bytes[SEAL_KEY_BYTES + 1];
    if (s->state_key_fd == 0)
        return true;
    ssize_t n = pread(s->state_key_fd, bytes, sizeof bytes, 0);
    int error = errno;
    close(s->state_key_fd);
    s->state_key_fd = 0;
    if (n < 0)
        snprintf(why, cap, "the state key cannot be read: %s", strerror(error));
    else if (n != SEAL_KEY_BYTES)
        snprintf(why, cap, "the state key has %s32 bytes; the box is locked, or this is not its file",
                 n > SEAL_KEY_BYTES ? "more than " : "not ");
    else
        memcpy(s->vault.key, bytes, SEAL_KEY_BYTES);
    s->vault.sealed = n == SEAL_KEY_BYTES;
    wipe(bytes, sizeof bytes);
    return s->vault.sealed;
}

static void block_signals(struct server *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static void set_up_rooms(struct server *s)
{
    clients_init(s->clients, &s->store.scopes);
    tls_server_init(&s->tls, s->clients, s->tls.sessions, s->config.tls_compat == 1);
    s->tls.trust.refuse_expired = s->config.client_expiry == 1;
    s->tls.trust.now_s = s->now.unix_s;
    s->env.store = &s->store;
    s->env.now = s->now;
    s->env.lease_time_s = (uint32_t)(s->config.lease_time_ms / 1000);
    s->env.vendor = SERVER_VENDOR;
    s->env.server_information = SERVER_VENDOR " " SERVER_VERSION;
    s->env.audit = &s->audit;
}

static bool open_store(struct server *s, char *why, size_t cap)
{
    struct keymgr keymgr;
    return keymanager_open(s, &keymgr, why, cap) &&
           store_open(&s->store, keymgr, &s->disk, &s->ops, &s->log, s->now, why, cap) == STATUS_OK;
}

static bool open_loop(struct server *s, char *why, size_t cap)
{
    if (loop_open(s))
        return true;
    snprintf(why, cap, "the sockets cannot be watched: %s", strerror(errno));
    return false;
}

static bool start(struct server *s, const struct disk_ops *ops, char *why, size_t cap)
{
    if (!open_folder(s, why, cap))
        return false;
    s->ops = ops != NULL ? *ops : disk_ops_posix(&s->folder_fd);
    block_signals(s);
    if (disk_start(&s->disk, &s->ops, s->state_key_fd == 0 ? -1 : s->state_key_fd) != STATUS_OK) {
        snprintf(why, cap, "the disk process cannot be started: %s", strerror(errno));
        return false;
    }
    /* Behind the fork, so that the disk process never has it. */
    if (!take_memory(s, why, cap) || !serve_read_state_key(s, why, cap))
        return false;
    set_up_rooms(s);
    return identity_load(s, why, cap) == STATUS_OK && read_clients(s, why, cap) && open_store(s, why, cap) &&
           listen_kmip(s, why, cap) && listen_control(s, why, cap) && open_loop(s, why, cap);
}

static void announce(struct server *s)
{
    char text[1000];
    struct buf out = buf_over(text, sizeof text);
    status_write_thumbprints(&s->tls, &out);
    log_write(&s->log, LOG_INFO, "serve", "holdfast %s serves KMIP on %s, port %u, for %u clients",
              SERVER_VERSION, s->config.listen, s->port, (unsigned)clients_count(s->clients));
    struct span rest = buf_span(&out), line;
    while (line_next(&rest, &line))
        log_write(&s->log, LOG_INFO, "serve", "%.*s", (int)line.len, (const char *)line.ptr);
    if (!s->memory_locked)
        log_write(&s->log, LOG_WARNING, "serve", "memory is not locked: keys may be swapped to disk");
}

int serve_run(struct server *s, const struct disk_ops *ops)
{
    char why[400] = "";
    sandbox_early();
    s->now = clock_read();
    s->started_s = s->log.unix_s = s->now.unix_s;
    s->log.fd = STDERR_FILENO;
    s->log.level = (enum log_level)s->config.log_level;
    if (!start(s, ops, why, sizeof why)) {
        dprintf(STDERR_FILENO, "holdfast: %s\n", why);
        return 1;
    }
    announce(s);
    if (!sandbox_enter(keymanager_is_cloud(s)))
        log_write(&s->log, LOG_WARNING, "serve",
                  "the kernel has no seccomp filters: system calls are not restricted");
    loop_run(s);
    bool lost = s->disk.lost;
    keymanager_close(s);
    disk_stop(&s->disk);
    log_write(&s->log, LOG_INFO, "serve", "stopped");
    if (s->region.base != NULL)
        wipe(s->region.base, s->region.size);
    wipe(&s->vault, sizeof s->vault);
    return lost ? 3 : 0;
}
