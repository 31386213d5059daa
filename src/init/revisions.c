/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/revisions.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/text.h"
#include "init/box.h"
#include "init/files.h"
#include "init/net.h"

#define REVISION_PATH 64

static void path_of(uint32_t number, char path[REVISION_PATH])
{
    snprintf(path, REVISION_PATH, REVISION_FOLDER "/revision-%06u", number);
}

enum status revision_current(uint32_t *number)
{
    char text[32];
    uint64_t value = 0;
    struct buf out = buf_over(text, sizeof text);
    *number = 0;
    enum status status = file_read(REVISION_FOLDER "/current", &out);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status != STATUS_OK)
        return STATUS_FAILED;
    size_t len = out.len > 0 && text[out.len - 1] == '\n' ? out.len - 1 : out.len;
    if (number_read(span_of(text, len), 999999, &value) != STATUS_OK || value == 0)
        return STATUS_FAILED;
    *number = (uint32_t)value;
    return STATUS_OK;
}

enum status revision_read(uint32_t number, struct buf *out)
{
    char path[REVISION_PATH];
    path_of(number, path);
    return file_read(path, out);
}

static bool check_line(struct span line, struct config *config, char *why, size_t cap)
{
    struct span words[SETTING_WORDS];
    bool is_client = false;
    size_t count = config_words(line, words);
    if (count == 0)
        return true;
    if (count > SETTING_WORDS || !span_equal(words[0], span_of_text("set"))) {
        snprintf(why, cap, "a line is: set <path> <value>; text with blanks stands in quotes");
        return false;
    }
    if (!config_set(config, words + 1, count - 1, &is_client, why, cap))
        return false;
    if (is_client) {
        snprintf(why, cap, "clients are not part of a revision: client add, client remove");
        return false;
    }
    return true;
}

bool revision_check(struct span text, struct config *config, char *why, size_t cap)
{
    struct net_settings net;
    struct span line;
    char reason[300];
    config_defaults(config);
    for (unsigned number = 1; line_next(&text, &line); number++)
        if (!check_line(line, config, reason, sizeof reason)) {
            snprintf(why, cap, "line %u: %s", number, reason);
            return false;
        }
    if (strcmp(config->state_folder, ".") != 0 || strcmp(config->control_socket, "control.sock") != 0) {
        snprintf(why, cap, "state folder and control socket are fixed on an appliance");
        return false;
    }
    return net_settings_read(config, &net, why, cap);
}

static void forget_old(uint32_t newest)
{
    char path[REVISION_PATH];
    if (newest <= REVISIONS_KEPT)
        return;
    path_of(newest - REVISIONS_KEPT, path);
    unlink(path);
}

uint32_t revision_newest(uint32_t from)
{
    char path[REVISION_PATH];
    struct stat info;
    for (;; from++) {
        path_of(from + 1, path);
        if (stat(path, &info) != 0)
            return from;
    }
}

uint32_t revision_newest_of_all(void)
{
    static const char prefix[] = "revision-";
    struct folder folder;
    const char *name;
    uint64_t number, newest = 0;
    folder_open(&folder, REVISION_FOLDER);
    while ((name = folder_next(&folder)) != NULL)
        if (strncmp(name, prefix, sizeof prefix - 1) == 0 &&
            number_read(span_of_text(name + sizeof prefix - 1), 999999, &number) == STATUS_OK &&
            number > newest)
            newest = number;
    folder_close(&folder);
    return (uint32_t)newest;
}

uint32_t revision_store(struct span text, const char *note, int64_t now_s, char *why, size_t cap)
{
    char whole[CONFIG_BYTES + 512], path[REVISION_PATH], when[TIME_TEXT + 1];
    struct buf out = buf_over(whole, sizeof whole);
    uint32_t current = 0;
    if (mkdir(REVISION_FOLDER, 0755) != 0 && errno != EEXIST) {
        snprintf(why, cap, "%s: %s", REVISION_FOLDER, strerror(errno));
        return 0;
    }
    if (revision_current(&current) != STATUS_OK)
        current = revision_newest_of_all(); /* keeping the new one repairs the number */
    uint32_t number = revision_newest(current) + 1;
    time_write(now_s, when);
    buf_print(&out, "# revision %u %s %.*s\n", number, when, NOTE_MAX, note);
    struct span line;
    while (line_next(&text, &line)) {
        while (line.len > 0 && (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' '))
            line.len--;
        if (line.len != 0 && line.ptr[0] != '#')
            buf_print(&out, "%.*s\n", (int)line.len, (const char *)line.ptr);
    }
    path_of(number, path);
    if (out.full || !file_replace(path, buf_span(&out), 0644)) {
        snprintf(why, cap, "the revision cannot be stored: %s",
                 out.full ? "it is larger than 64 KiB" : strerror(errno));
        return 0;
    }
    forget_old(number);
    return number;
}

bool revision_keep(uint32_t number, char *why, size_t cap)
{
    char text[32];
    snprintf(text, sizeof text, "%u\n", number);
    if (file_replace(REVISION_FOLDER "/current", span_of_text(text), 0644))
        return true;
    snprintf(why, cap, "%s/current: %s", REVISION_FOLDER, strerror(errno));
    return false;
}

void revision_list(uint32_t in_force, struct buf *out)
{
    uint32_t newest = revision_newest(in_force);
    for (uint32_t n = newest; n > 0 && n + REVISIONS_KEPT > newest; n--) {
        char text[256], path[REVISION_PATH];
        struct buf head = buf_over(text, sizeof text - 1);
        path_of(n, path);
        enum status status = file_read(path, &head);
        text[head.len] = 0;
        if (status != STATUS_OK && status != STATUS_TOO_LARGE)
            continue;
        const char *rest = strncmp(text, "# revision ", 11) == 0 ? text + 11 : text;
        buf_print(out, "%c %.*s\n", n == in_force ? '*' : ' ', (int)strcspn(rest, "\n"), rest);
    }
}
