/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of a virtual machine that does nothing but change slots on a real FAT file system, until somebody
 * takes its power away: at each start it plays the boot loader, checks every image, and goes on. The task is
 * in the kernel's command line: task=cuts or task=stick.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "init/esp.h"
#include "init/seed.h"
#include "init/usb.h"

#define IMAGE (1536 * 1024)

static uint8_t image[IMAGE], content[IMAGE + 1];
static char why[300];

static void say(const char *format, const char *text)
{
    printf(format, text);
    fflush(stdout);
}

static void stop(const char *text)
{
    say("STOP %s\n", text);
    sync();
    reboot(RB_POWER_OFF);
    pause();
}

/* A PE file that says this version, with content of its own. */
static void make_image(const char *version)
{
    char osrel[64];
    uint32_t x = 1;
    int n = snprintf(osrel, sizeof osrel, "PRETTY_NAME=\"Holdfast %s\"\n", version);
    for (const char *c = version; *c != 0; c++)
        x = x * 31 + (uint8_t)*c;
    for (size_t i = 0; i < sizeof image; i++) {
        x = x * 1664525 + 1013904223;
        image[i] = (uint8_t)(x >> 24);
    }
    memset(image, 0, 1024);
    memcpy(image, "MZ", 2);
    image[0x3c] = 0x80;
    memcpy(image + 0x80, "PE\0\0", 4);
    image[0x86] = 1;
    memcpy(image + 0x98, ".osrel", 6);
    image[0x98 + 8] = image[0x98 + 16] = (uint8_t)n;
    image[0x98 + 21] = 2;
    memcpy(image + 512, osrel, (size_t)n);
}

/* Every image with the name of a slot is whole. */
static void check_images(const struct esp *esp)
{
    if (esp->count == 0)
        stop("no image is left");
    for (size_t i = 0; i < esp->count; i++) {
        char path[FAT_PATH_MAX + 64];
        snprintf(path, sizeof path, "%s/%s", esp->folder, esp->slots[i].file);
        int fd = open(path, O_RDONLY);
        ssize_t n = 0, len = 0;
        while (fd >= 0 && (n = read(fd, content + len, sizeof content - (size_t)len)) > 0)
            len += n;
        close(fd);
        make_image(esp->slots[i].version);
        if (len != IMAGE || memcmp(content, image, IMAGE) != 0)
            stop(esp->slots[i].file);
        for (size_t j = 0; j < i; j++)
            if (esp_shares(&esp->slots[i], &esp->slots[j]))
                say("SHARED %s\n", esp->slots[i].file);
    }
}

/* The newest image that has tries, as systemd-boot chooses; a try is counted in its name. */
static void play_boot_loader(char version[VERSION_MAX])
{
    struct esp esp;
    struct esp_place place = {.device = "/dev/vda", .folder = "/run/esp"};
    char from[FAT_PATH_MAX + 64], to[FAT_PATH_MAX + 64];
    if (!esp_open(&esp, &place, true, why, sizeof why))
        stop(why);
    check_images(&esp);
    size_t chosen = esp.count - 1;
    for (size_t i = esp.count; i-- > 0;)
        if (esp.slots[i].tries_left != 0) {
            chosen = i;
            break;
        }
    memcpy(version, esp.slots[chosen].version, VERSION_MAX);
    if (esp.slots[chosen].tries_left > 0) {
        snprintf(from, sizeof from, "%s/%s", esp.folder, esp.slots[chosen].file);
        snprintf(to, sizeof to, "%s/holdfast-%06u+0-1.efi", esp.folder, esp.slots[chosen].number);
        if (rename(from, to) != 0)
            stop("rename");
    }
    if (!esp_close(&esp, why, sizeof why))
        stop(why);
}

static void write_one(struct esp *esp)
{
    struct esp_writer w;
    char version[VERSION_MAX];
    uint8_t hash[SHA256_BYTES];
    snprintf(version, sizeof version, "1.%u.0", esp->slots[esp->count - 1].number + 1);
    make_image(version);
    sha256(span_of(image, IMAGE), hash);
    bool good = esp_write_begin(esp, &w, IMAGE, why, sizeof why);
    for (size_t at = 0; good && at < IMAGE; at += 65536)
        good = esp_write(&w, span_of(image + at, 65536), why, sizeof why);
    if (!good || !esp_write_end(esp, &w, hash, version, why, sizeof why))
        stop(why);
}

static void one_step(unsigned turn)
{
    struct esp esp;
    char version[VERSION_MAX], next[VERSION_MAX];
    play_boot_loader(version);
    struct esp_place place = {.device = "/dev/vda", .folder = "/run/esp", .version = version};
    if (!esp_open(&esp, &place, true, why, sizeof why))
        stop(why);
    if (esp.running < 0)
        stop("it is not known which image runs");
    if (!esp_drop_failed(&esp, why, sizeof why))
        stop(why);
    bool good = true;
    if (esp_running_is_trial(&esp) && turn % 4 == 3 && esp_other(&esp) != NULL)
        good = esp_give_up(&esp, why, sizeof why);
    else if (esp_running_is_trial(&esp))
        good = esp_bless(&esp, why, sizeof why);
    else if (turn % 5 == 4 && esp_other(&esp) != NULL)
        good = esp_rollback(&esp, next, why, sizeof why);
    else
        write_one(&esp);
    if (!good || !esp_close(&esp, why, sizeof why))
        stop(why);
    say("STEP %s\n", version);
}

/* ---- a stick ---- */

static bool fake_setup(void *self, const struct setup_wish *wish, int out, char *text, size_t cap)
{
    (void)self, (void)text, (void)cap;
    dprintf(out, "settings: %zu bytes\nRECOVERY secret\n", wish->config.len);
    return true;
}

static void try_stick(void)
{
    static struct seed room;
    struct usb usb;
    char text[64];
    struct buf in = buf_over(text, sizeof text);
    struct usb_place place = {
        .classes = "/sys/class/block", .devices = "/dev", .own = "vda", .folder = "/run/usb"};
    struct esp_place esp = {.device = "/dev/vda", .folder = "/run/esp"};
    struct seed_wish wish = {.serial = "TEST", .now_s = 1798797600, .setup = fake_setup};
    if (!usb_open(&usb, &place, true, why, sizeof why))
        stop(why);
    usb_list(&usb, 1);
    if (!usb_read(&usb, "HOLDFAST.CONF", &in, why, sizeof why) ||
        !usb_write(&usb, "export.conf", buf_span(&in), why, sizeof why) ||
        !usb_write(&usb, "export.conf", span_of("second\n", 7), why, sizeof why) ||
        !usb_close(&usb, why, sizeof why))
        stop(why);
    enum seed_answer answer = seed_look(&place, &esp, &wish, &room, 1, why, sizeof why);
    stop(answer == SEED_DONE ? "seed done" : answer == SEED_NONE ? "no seed" : why);
}

int main(void)
{
    const char *task = getenv("task");
    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("run", "/run", "tmpfs", 0, NULL);
    int fd = open("/dev/console", O_RDWR);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    for (int i = 0; i < 100 && access("/dev/vda", F_OK) != 0; i++)
        usleep(50000);
    if (task != NULL && strcmp(task, "stick") == 0)
        try_stick();
    say("READY\n%s", "");
    for (unsigned turn = 0; task == NULL || strcmp(task, "check") != 0 || turn < 6; turn++)
        one_step(turn + (unsigned)getpid());
    stop("good");
}
