/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/try.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "base/wipe.h"
#include "init/commit.h"
#include "init/files.h"
#include "init/net_test.h"
#include "init/relay.h"
#include "init/revisions.h"
#include "init/supervise.h"

#define TRY_STATE  TRY_FOLDER "/state"
#define TRY_CONFIG TRY_FOLDER "/serve.conf"
#define TRY_SOCKET TRY_STATE "/control.sock"
#define TRY_PORT   "127.0.0.1:56960"
/* seconds to make keys, on a slow board without instructions for it */
#define START_SECONDS 120
#define TEST_SECONDS  90

const char *try_network_begin(struct box *box, struct span body)
{
    static const char unusable[] = "the network lines cannot be used; check says why";
    char text[CONFIG_BYTES], why[300];
    struct buf lines = buf_over(text, sizeof text);
    struct config config;
    struct net_settings net;
    struct span line;
    while (job_next_line(&body, &line))
        buf_print(&lines, "%.*s\n", (int)line.len, (const char *)line.ptr);
    if (!revision_check(buf_span(&lines), &config, why, sizeof why) ||
        !net_settings_read(&config, &net, why, sizeof why)) {
        log_write(&box->log, LOG_INFO, "init", "not tried: %s", why);
        return unusable;
    }
    net_apply(&box->net, &net, box->now);
    box->applied_ms = box->now.mono_ms;
    return NULL;
}

static void empty_folder(void)
{
    struct folder folder;
    const char *name;
    folder_open(&folder, TRY_STATE);
    while ((name = folder_next(&folder)) != NULL)
        if (strncmp(name, "server-", 7) != 0) /* keys that were shown stay */
            unlinkat(folder.fd, name, 0);
    folder_close(&folder);
}

/* The candidate with places of its own; `local` keeps the cloud out of it. */
static bool write_config(struct box *box, struct span body, const struct config *config, bool local)
{
    char text[CONFIG_BYTES + 512], known[PATH_MAX_BYTES] = "";
    struct buf out = buf_over(text, sizeof text), addresses = buf_over(known, sizeof known);
    struct span line;
    while (job_next_line(&body, &line))
        buf_print(&out, "%.*s\n", (int)line.len, (const char *)line.ptr);
    /* The certificates name the address that the box will have, as far as it is known. */
    if (strchr(config->uplink_address, '/') != NULL)
        buf_print(&addresses, "%.*s", (int)strcspn(config->uplink_address, "/"), config->uplink_address);
    else
        net_addresses(&box->net, &addresses);
    buf_print(&out,
              "set state folder " TRY_STATE "\nset control socket control.sock\nset server listen " TRY_PORT
              "\nset memory lock best-effort\nset store objects 16\nset server connections 4\n");
    if (known[0] != 0 && config->server_addresses[0] == 0)
        buf_print(&out, "set server addresses %s\n", known);
    if (local)
        buf_print(&out, "set keymanager type local\n");
    return !out.full && file_replace(TRY_CONFIG, buf_span(&out), 0644);
}

static pid_t start_server(int out)
{
    char *words[] = {"holdfast", "serve", "--config", TRY_CONFIG, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out, STDERR_FILENO);
        supervise_become_serve(-1);
        execv("/proc/self/exe", words);
        _exit(127);
    }
    return pid;
}

static void stop_server(pid_t pid)
{
    int status;
    kill(pid, SIGTERM);
    for (int i = 0; i < 50 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(100000);
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}

/* Runs one command of a server on the candidate. */
static bool ask_server(struct box *box, const struct job_call *call, bool local, const char *command,
                       char *why, size_t cap)
{
    uint8_t api_key[API_KEY_MAX];
    size_t len;
    struct config config;
    if (!candidate_check(call->body, call->out, &config, why, cap))
        return false;
    if (!job_secret_bytes(call->body, "api-key", api_key, sizeof api_key, &len)) {
        snprintf(why, cap, "an API key has at most %d characters", API_KEY_MAX);
        return false;
    }
    mkdir(TRY_STATE, 0700);
    empty_folder();
    bool good = chown(TRY_STATE, USER_SERVE, USER_SERVE) == 0 &&
                write_config(box, call->body, &config, local) &&
                (len == 0 || (file_replace(TRY_STATE "/api-key", span_of(api_key, len), 0600) &&
                              chown(TRY_STATE "/api-key", USER_SERVE, USER_SERVE) == 0));
    wipe(api_key, sizeof api_key);
    if (!good) {
        snprintf(why, cap, "%s: %s", TRY_FOLDER, strerror(errno));
        return false;
    }
    pid_t pid = start_server(box->log_pipe[1]);
    good = relay_ask(TRY_SOCKET, "show state", START_SECONDS, -1, why, cap) &&
           relay_ask(TRY_SOCKET, command, TEST_SECONDS, call->out, why, cap);
    stop_server(pid);
    empty_folder();
    return good;
}

bool try_keymanager_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    return ask_server(box, call, false, "test keymanager", why, cap);
}

bool try_certificate_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    return ask_server(box, call, true, "show cert", why, cap);
}

bool try_network_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    bool good = net_test_network(&box->net, NULL, call->out);
    good = net_test_time(&box->net, call->out) && good;
    if (!good)
        snprintf(why, cap, "not everything answers");
    return good;
}

bool try_prepare_certificate(struct box *box, struct span config, int out, char *why, size_t cap)
{
    const struct job_call call = {.body = config, .out = out};
    return try_certificate_job(box, &call, why, cap);
}
