/* SPDX-License-Identifier: Apache-2.0 */
/* The one struct of process 1: what it knows of the box. main.c owns it and hands it down. */
#ifndef HOLDFAST_INIT_BOX_H
#define HOLDFAST_INIT_BOX_H

#include <sys/types.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "init/net.h"
#include "init/ring.h"
#include "init/setup.h"
#include "init/timekeeper.h"
#include "server/config.h"

/* Users and groups of the image; there is no file that names them. */
enum { USER_SERVE = 100, USER_CONSOLE = 101 };

#define CONSOLES_MAX 6 /* lines with a console each */
#define INIT_CONNS                                                                                           \
    8 /* connections to init's control socket: a console uses one, a job of a console another */
#define FAULTS_MAX 8
#define FAULT_TEXT 160
#define JOB_WHY    400
#define INIT_BODY  81920 /* a revision of 64 KiB, with secrets and certificates */

/* Paths: PROTOCOL.md */
#define DATA_FOLDER     "/data"
#define STATE_FOLDER    DATA_FOLDER "/state"
#define REVISION_FOLDER DATA_FOLDER "/config"
#define ADMIN_FILE      DATA_FOLDER "/admin"
#define SLOTS_FILE      DATA_FOLDER "/seal"
#define BOOTS_FILE      DATA_FOLDER "/boots"
#define CLOCK_FILE      DATA_FOLDER "/clock"
#define SERVE_FOLDER    "/run/serve"
#define SERVE_SOCKET    SERVE_FOLDER "/control.sock"
#define INIT_FOLDER     "/run/init"
#define INIT_SOCKET     INIT_FOLDER "/control.sock"
#define RUN_CONFIG      "/run/holdfast.conf"
#define TRY_FOLDER      "/run/try"
#define RELEASE_FOLDER  "/etc/holdfast"
#define RESOLV_FILE     "/run/resolv.conf"

/* A process that is started again when it ends, later each time. */
struct child {
    pid_t pid; /* 0: not running */
    uint64_t started_ms, next_ms;
    uint32_t failures; /* in a row, each within a minute of its start */
    int status;        /* of the last end, as wait(2) tells it */
};

struct console_line {
    struct child child;
    char device[24]; /* "ttyS0" */
    bool absent;     /* the device is not there; it may come */
};

struct init_conn;
struct box;

/* Work for one command in a process of its own. */
struct job {
    pid_t pid; /* 0: free */
    int conn;  /* that waits for its end; -1: none */
    uint64_t deadline_ms;
    void (*done)(struct box *box, bool good);
    char *why; /* JOB_WHY bytes that its process shares: the text of ERR */
};

/* One connection to the control socket. */
struct init_conn {
    int fd; /* -1: free */
    bool in_body;
    bool skipping;
    bool eof;
    size_t in_len, body_len, out_len, out_at;
    char command[400];
    char in[CONTROL_LINE];
    char body[INIT_BODY];
    char out[CONTROL_OUT];
};

/* What is known of serve: asked every two seconds over its control socket. */
struct health {
    int fd;
    size_t len;
    char answer[200];
    uint64_t asked_ms, answered_ms; /* 0: not since its start */
    uint64_t killed_ms;             /* when it was last found hanging; 0: never */
    char state[32];                 /* the word of `show state`, or "" */
};

enum box_phase {
    PHASE_DISK,  /* the data partition is looked for */
    PHASE_ENTRY, /* no revision: not set up */
    PHASE_LOCKED,
    PHASE_SERVING,
    PHASE_NO_DATA, /* the data partition is missing or damaged */
    PHASE_GOING    /* restarting or halting */
};

struct box {
    enum box_phase phase;
    struct clock now;
    struct log log;
    int log_pipe[2];
    int signal_fd, listen_fd, key_fd, watchdog_fd;
    uint64_t started_ms, random_ms; /* 0: the kernel's generator is not seeded yet */
    struct ring ring;
    struct config config;   /* of the revision in force */
    uint32_t revision;      /* in force; 0 none */
    uint32_t previous;      /* to go back to while one is on trial */
    unsigned trial_minutes; /* that the commit under way asked for */
    uint64_t trial_ms;      /* when it goes back; 0: nothing is on trial */
    uint64_t login_ms;      /* the next login is taken from then on */
    uint32_t login_failures;
    bool login_busy; /* one is under way: guesses come one after the other, from however many consoles */
    struct net net;
    struct timekeeper time;
    uint64_t applied_ms; /* when the network's settings came into force */
    int64_t release_s;   /* when this release was made */
    struct child serve;
    struct health health;
    struct console_line consoles[CONSOLES_MAX];
    struct job jobs[INIT_CONNS + 4]; /* the last four are the box's own */
    struct init_conn conns[INIT_CONNS];
    char faults[FAULTS_MAX][FAULT_TEXT];
    char name[PATH_MAX_BYTES], board[64], version[32], serial[16], architecture[16];
    uint32_t epoch;
    char disk[32]; /* "vda": that the data partition is on */
    char data_part[32], esp_part[32];
    bool slot_trial;       /* the image in use is on trial */
    bool slot_known;       /* the beginning of this boot is written down */
    bool slot_decided;     /* and so is its verdict */
    uint64_t slot_ms;      /* when the verdict is looked for next */
    uint64_t seed_ms;      /* when volumes are looked at next */
    uint32_t seed_volumes; /* those that were looked at */
    bool unlock_asked;     /* the box's own try to open its key slots is done */
    bool chores_begun;     /* what can wait until the server is there */
    bool halt;             /* instead of restarting */
    bool erase;            /* the data partition, on the way down */
};

/* A fault stands in the banner until it is over: one text for each kind; NULL ends it. */
enum fault {
    FAULT_DATA,
    FAULT_CONFIG,
    FAULT_SERVE,
    FAULT_UNLOCK,
    FAULT_SEAL,
    FAULT_SEED,
    FAULT_NET,
    FAULT_CLOCK
};
void box_fault(struct box *box, enum fault kind, const char *text);

#endif
