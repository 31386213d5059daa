/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/admin.h"
#include "init/boot.h"
#include "init/control.h"
#include "init/grow.h"
#include "init/health.h"
#include "init/job.h"
#include "init/order.h"
#include "init/power.h"
#include "init/provision.h"
#include "init/revisions.h"
#include "init/slot_trial.h"
#include "init/supervise.h"
#include "init/unlock.h"
#include "init/watchdog.h"

#define LONGEST_SLEEP_MS 5000
#define DISK_WAIT_MS     15000
#define DISK_LOOK_MS     200
#define NET_SETTLES_MS   15000
/* seconds that opening the key slots may take: a slow TPM, a slow hash */
#define UNLOCK_SECONDS 120
/* and that a disk may take to become larger */
#define GROW_SECONDS 300

bool init_has_key(const struct box *box)
{
    struct stat info;
    return fstat(box->key_fd, &info) == 0 && info.st_size != 0;
}

bool init_apply(struct box *box, uint32_t revision, char *why, size_t cap)
{
    char text[CONFIG_BYTES + 512];
    struct buf out = buf_over(text, sizeof text);
    struct config config;
    struct net_settings net;
    if (revision_read(revision, &out) != STATUS_OK) {
        snprintf(why, cap, "revision %u cannot be read", revision);
        return false;
    }
    if (!revision_check(buf_span(&out), &config, why, cap) || !net_settings_read(&config, &net, why, cap))
        return false;
    bool serve_changes = !config_serves_alike(&config, &box->config);
    box->config = config;
    box->revision = revision;
    snprintf(box->name, sizeof box->name, "%s", config.server_name);
    if (sethostname(box->name, strlen(box->name)) != 0)
        log_write(&box->log, LOG_WARNING, "init", "the host name cannot be set: %s", strerror(errno));
    box_fault(box, FAULT_SEAL,
              config.unlock == UNLOCK_FILE
                  ? "unlock file: the secrets on this disk are NOT protected; see set unlock"
                  : NULL);
    net_apply(&box->net, &net, box->now);
    box->applied_ms = box->now.mono_ms;
    if (!supervise_write_config(box))
        log_write(&box->log, LOG_ERROR, "init", "%s cannot be written: %s", RUN_CONFIG, strerror(errno));
    else if (serve_changes)
        supervise_stop_serve(box);
    return true;
}

/* The revision in force, or when it is damaged the newest one that is not. */
static bool load_revision(struct box *box, uint32_t number)
{
    char why[300], text[FAULT_TEXT];
    for (uint32_t n = number; n > 0 && n + REVISIONS_KEPT > number; n--) {
        if (init_apply(box, n, why, sizeof why)) {
            if (n == number)
                box_fault(box, FAULT_CONFIG, NULL);
            return true;
        }
        snprintf(text, sizeof text, "revision %u is damaged, an older one is in force: %.60s", n, why);
        box_fault(box, FAULT_CONFIG, text);
    }
    return false;
}

void init_go_on(struct box *box)
{
    uint32_t number = 0;
    if (box->phase == PHASE_GOING)
        return;
    /* A number that is damaged makes no new box: whoever stands at the console could set it up. */
    bool known = revision_current(&number) == STATUS_OK;
    if (known && number == 0) {
        box->phase = PHASE_ENTRY;
        return;
    }
    if (!known)
        number = revision_newest_of_all();
    if (box->revision == 0 && !load_revision(box, number)) {
        box_fault(box, FAULT_CONFIG, "no revision can be read: roll back, or log in as reset");
        box->phase = PHASE_LOCKED;
        return;
    }
    if (!known)
        box_fault(box, FAULT_CONFIG,
                  "the number of the revision in force is damaged: the newest one is in force");
    box->phase = init_has_key(box) ? PHASE_SERVING : PHASE_LOCKED;
    if (box->phase == PHASE_SERVING)
        box_fault(box, FAULT_UNLOCK, NULL);
}

static void unlock_done(struct box *box, bool good)
{
    box->unlock_asked = true;
    if (!good)
        box_fault(box, FAULT_UNLOCK,
                  "LOCKED: log in with the passphrase, or as recover with the recovery key");
    init_go_on(box);
}

/* The data partition is there: what is known of this box is on it. */
static void begin_with_data(struct box *box)
{
    const struct job_call none = {.out = -1};
    box->login_failures = admin_failures();
    box->login_ms = box->now.mono_ms + 1000ull * admin_wait(box->login_failures);
    timekeeper_floor(&box->time, time_stored_read(CLOCK_FILE));
    init_go_on(box);
    if (box->phase == PHASE_LOCKED &&
        !job_start(box, OWN_UNLOCK, unlock_job, &none, UNLOCK_SECONDS, unlock_done))
        unlock_done(box, false);
}

/* Once in a start. */
static void chores_turn(struct box *box, uint64_t *deadline)
{
    const struct job_call none = {.out = -1};
    if (box->chores_begun || order_chores_wait(box, deadline))
        return;
    box->chores_begun = true;
    slot_trial_begin(box);
    if (!job_start(box, OWN_GROW, grow_job, &none, GROW_SECONDS, NULL))
        log_write(&box->log, LOG_INFO, "init", "the data partition is not grown this time");
}

static void look_for_disk(struct box *box, uint64_t *deadline)
{
    enum status status = boot_mount_data(box);
    if (status == STATUS_OK) {
        box->phase = PHASE_ENTRY;
        begin_with_data(box);
        return;
    }
    if (status == STATUS_NOT_FOUND && box->now.mono_ms - box->started_ms < DISK_WAIT_MS) {
        if (box->now.mono_ms + DISK_LOOK_MS < *deadline)
            *deadline = box->now.mono_ms + DISK_LOOK_MS;
        return;
    }
    if (status == STATUS_NOT_FOUND)
        box_fault(box, FAULT_DATA, "no disk has a data partition of Holdfast");
    box->phase = PHASE_NO_DATA;
}

static void trial_turn(struct box *box, uint64_t *deadline)
{
    char why[300];
    if (box->trial_ms == 0)
        return;
    if (box->now.mono_ms < box->trial_ms) {
        if (box->trial_ms < *deadline)
            *deadline = box->trial_ms;
        return;
    }
    uint32_t tried = box->revision;
    box->trial_ms = 0;
    if (init_apply(box, box->previous, why, sizeof why))
        log_write(&box->log, LOG_WARNING, "init",
                  "revision %u was not confirmed: revision %u is active again", tried, box->previous);
    else
        box_fault(box, FAULT_CONFIG, why);
}

static void open_world(struct box *box)
{
    sigset_t set;
    box->now = clock_read();
    box->started_ms = box->now.mono_ms;
    box->log.unix_s = box->now.unix_s;
    box->log.level = LOG_INFO;
    config_defaults(&box->config);
    ring_init(&box->ring);
    if (pipe2(box->log_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
        box->log_pipe[1] = STDERR_FILENO;
    box->log.fd = box->log_pipe[1];
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    box->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del becomes SIGINT */
    box->key_fd = memfd_create("state key", MFD_CLOEXEC);
    fchmod(box->key_fd, 0600);
    if (fchown(box->key_fd, USER_SERVE, USER_SERVE) != 0)
        log_write(&box->log, LOG_ERROR, "init", "the file of the state key cannot be given away");
}

static void take_signals(struct box *box)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;
    while (read(box->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            box->phase = PHASE_GOING;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!job_ended(box, pid, status))
            supervise_ended(box, pid, status);
}

static void take_log(struct box *box)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(box->log_pipe[0], bytes, sizeof bytes)) > 0)
        ring_take(&box->ring, span_of(bytes, (size_t)n));
}

static void look_for_randomness(struct box *box)
{
    char byte;
    if (box->random_ms == 0 && getrandom(&byte, 1, GRND_NONBLOCK) == 1)
        box->random_ms = box->now.mono_ms;
}

struct places {
    size_t log, signals, health, control, net, net_count, time_count;
};

static size_t watch_all(struct box *box, struct pollfd *fds, struct places *at, uint64_t *deadline)
{
    size_t count = 0;
    fds[at->log = count++] = (struct pollfd){.fd = box->log_pipe[0], .events = POLLIN};
    fds[at->signals = count++] = (struct pollfd){.fd = box->signal_fd, .events = POLLIN};
    fds[at->health = count++] = health_watch(box);
    at->control = count;
    init_control_watch(box, fds + count);
    count += INIT_CONNS + 1;
    at->net = count;
    at->net_count = net_poll(&box->net, fds + count, NET_FDS, deadline);
    count += at->net_count;
    at->time_count = timekeeper_poll(&box->time, fds + count, TIMEKEEPER_FDS, deadline);
    return count + at->time_count;
}

/* The clock asks whom the network names, and both say what is wrong with them. */
static void follow_network(struct box *box)
{
    char text[FAULT_TEXT];
    timekeeper_apply(&box->time, &box->net, box->config.ntp_max_step_ms, box->now);
    struct buf fault = buf_over(text, sizeof text);
    /* A network that has just been put in force is no fault yet. */
    bool settled = box->now.mono_ms - box->applied_ms > NET_SETTLES_MS;
    box_fault(box, FAULT_NET, settled && net_fault(&box->net, &fault) ? text : NULL);
    fault = buf_over(text, sizeof text);
    box_fault(box, FAULT_CLOCK, timekeeper_fault(&box->time, &fault) ? text : NULL);
}

/* What has its own time rather than an event. */
static void turn_all(struct box *box, uint64_t *deadline)
{
    if (box->phase == PHASE_DISK)
        look_for_disk(box, deadline);
    look_for_randomness(box);
    follow_network(box);
    trial_turn(box, deadline);
    chores_turn(box, deadline);
    slot_trial_turn(box, deadline);
    provision_turn(box, deadline);
    job_turn(box);
    health_turn(box, deadline);
    supervise_turn(box, deadline);
    watchdog_turn(box);
}

static void begin(struct box *box)
{
    const struct time_ops ops = time_ops_linux(CLOCK_FILE);
    open_world(box);
    boot_begin(box);
    if (!init_control_open(box))
        log_write(&box->log, LOG_ERROR, "init", "%s cannot be opened: %s", INIT_SOCKET, strerror(errno));
    health_init(box);
    net_init(&box->net, &box->log, RESOLV_FILE, box->now);
    timekeeper_init(&box->time, &ops, &box->log, box->release_s, box->now);
    watchdog_open(box);
}

/* What poll told, in this order: who has ended, what they said, the network, then those who ask. */
static void take_events(struct box *box, const struct pollfd *fds, const struct places *at)
{
    take_signals(box);
    take_log(box);
    net_turn(&box->net, fds + at->net, at->net_count, box->now);
    if (timekeeper_turn(&box->time, box->now))
        box->now = clock_read();
    health_take(box, fds[at->health].revents);
    init_control_turn(box, fds + at->control);
    take_log(box);
}

_Noreturn void init_run(struct box *box)
{
    struct pollfd fds[3 + INIT_CONNS + 1 + NET_FDS + TIMEKEEPER_FDS];
    struct places at;
    begin(box);
    while (box->phase != PHASE_GOING) {
        uint64_t deadline = box->now.mono_ms + LONGEST_SLEEP_MS;
        turn_all(box, &deadline);
        size_t count = watch_all(box, fds, &at, &deadline);
        poll(fds, count, deadline > box->now.mono_ms ? (int)(deadline - box->now.mono_ms) : 0);
        box->now = clock_read();
        box->log.unix_s = box->now.unix_s;
        take_events(box, fds, &at);
    }
    power_down(box);
}
