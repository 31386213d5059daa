/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tool TPM LOG COMMAND ...: src/seal for tests/seal/test_*.py, on files. Keys are printed here; that is what
 * a test compares. Ends with 0 when the command succeeded. As process 1 (tests/seal/boot.py) it shows what
 * the boot measured.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "seal/event_log.h"
#include "seal/pe.h"
#include "seal/seal.h"

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static size_t slurp(const char *path, void *out, size_t cap)
{
    int file = open(path, O_RDONLY);
    ssize_t n = file < 0 ? -1 : read(file, out, cap);
    if (file >= 0)
        close(file);
    return n < 0 ? 0 : (size_t)n;
}

static void load(const char *path, struct seal_slots *slots)
{
    static char text[SEAL_TEXT_MAX + 1];
    size_t line, n = slurp(path, text, sizeof text);
    memset(slots, 0, sizeof *slots);
    if (n != 0 && seal_slots_read(span_of(text, n), slots, &line) != STATUS_OK)
        die("the seal file is damaged");
}

static void store(const char *path, const struct seal_slots *slots)
{
    static char text[SEAL_TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    seal_slots_write(slots, &out);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out.full || file < 0 || write(file, text, out.len) != (ssize_t)out.len)
        die("the seal file cannot be written");
    close(file);
}

static void show(const char *name, const uint8_t *bytes, size_t len)
{
    char hex[129];
    hex_write(span_of(bytes, len), 0, false, hex, sizeof hex);
    printf("%s %s\n", name, hex);
}

static int show_pcrs(const struct seal_place *place)
{
    struct tpm tpm;
    struct tpm_pcrs now;
    enum status status = tpm_open(&tpm, place->tpm);
    if (status == STATUS_OK)
        status = tpm_pcrs_read(&tpm, SEAL_PCRS | 1u << 9 | 1u << 11, &now);
    if (status != STATUS_OK)
        printf("%s\n", tpm.why);
    for (unsigned i = 0; status == STATUS_OK && i < TPM_PCRS; i++) {
        char name[16];
        snprintf(name, sizeof name, "pcr%u", i);
        if ((now.mask >> i & 1) != 0)
            show(name, now.value[i], SHA256_BYTES);
    }
    tpm_close(&tpm);
    return status != STATUS_OK;
}

static int show_log(const struct seal_place *place)
{
    static struct event_log log;
    int file = open(place->log, O_RDONLY);
    enum status status = event_log_read(file, SEAL_PCRS | 1u << 9 | 1u << 11, &log);
    for (size_t i = 0; i < log.count; i++) {
        char name[40];
        snprintf(name, sizeof name, "event %u %08x", (unsigned)log.event[i].pcr, (unsigned)log.event[i].type);
        show(name, log.event[i].digest, SHA256_BYTES);
    }
    struct tpm_pcrs replayed;
    event_log_replay(&log, SEAL_PCRS, NULL, 0, &replayed);
    show("replay4", replayed.value[4], SHA256_BYTES);
    show("replay12", replayed.value[12], SHA256_BYTES);
    return status != STATUS_OK;
}

static int show_digests(const char *path)
{
    struct pe_file image, inner;
    uint8_t digest[SHA256_BYTES];
    int file = open(path, O_RDONLY);
    if (file < 0 || pe_open(file, &image) != STATUS_OK || pe_digest(&image, digest) != STATUS_OK)
        return 1;
    show("image", digest, sizeof digest);
    if (pe_section(&image, ".linux", &inner) == STATUS_OK && pe_digest(&inner, digest) == STATUS_OK)
        show("linux", digest, sizeof digest);
    return 0;
}

static int open_slots(const struct seal_place *place, const struct seal_slots *slots)
{
    static char text[4096];
    uint8_t key[SEAL_KEY_BYTES];
    struct buf report = buf_over(text, sizeof text);
    enum status status = seal_open_any(place, slots, key, &report);
    fwrite(text, 1, report.len, stdout);
    if (status == STATUS_OK)
        show("KEY", key, sizeof key);
    return status != STATUS_OK;
}

static int test_slots(const struct seal_place *place, const struct seal_slots *slots)
{
    static char text[4096];
    struct buf report = buf_over(text, sizeof text);
    enum status status = seal_test(place, slots, &report);
    fwrite(text, 1, report.len, stdout);
    return status != STATUS_OK;
}

/* add FILE LABEL KEY [RUNNING NEW] */
static int add(const struct seal_place *place, int count, char **arg)
{
    static struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES];
    char why[SEAL_WHY];
    if (hex_read(span_of_text(arg[2]), key, sizeof key) != STATUS_OK)
        die("no key");
    load(arg[0], &slots);
    enum status status = count == 5 ? seal_add_tpm_for(place, &slots, key, arg[3], arg[4], arg[1], why)
                                    : seal_add_tpm(place, &slots, key, arg[1], why);
    if (status == STATUS_OK)
        store(arg[0], &slots);
    printf("%s\n", status == STATUS_OK ? "ok" : why);
    return status != STATUS_OK;
}

/* What a box does around an update: seals to both images, or opens what an earlier start sealed. */
static void seal_or_open(const struct seal_place *place)
{
    static const char running[] = "/esp/EFI/Linux/holdfast-000001.efi";
    static const char arrived[] = "/esp/EFI/Linux/holdfast-000002.new";
    static const char next[] = "/esp/EFI/Linux/holdfast-000002+1.efi";
    static struct seal_slots slots;
    uint8_t key[SEAL_KEY_BYTES];
    char why[SEAL_WHY];
    if (mount("/dev/vda1", "/esp", "vfat", 0, NULL) != 0)
        printf("no ESP\n");
    load("/esp/seal", &slots);
    if (slots.count == 0) {
        memset(key, 0x5a, sizeof key);
        printf("add 1 %s\n", seal_add_tpm(place, &slots, key, "1", why) == STATUS_OK ? "ok" : why);
        bool good = seal_add_tpm_for(place, &slots, key, running, arrived, "2", why) == STATUS_OK;
        printf("add 2 %s\n", good ? "ok" : why);
        good = seal_add_tpm_for(place, &slots, key, running, arrived, "1", why) == STATUS_OK;
        printf("add 1 again %s\n", good ? "ok" : why);
        store("/esp/seal", &slots);
        rename(arrived, next);
    } else {
        test_slots(place, &slots);
        open_slots(place, &slots);
    }
    umount("/esp");
}

/* In a virtual machine: the host reads the serial line. */
static void be_init(void)
{
    struct seal_place place = seal_place_default();
    static char text[SEAL_TEXT_MAX];
    char why[200];
    mkdir("/dev", 0755), mkdir("/sys", 0755), mkdir("/proc", 0755), mkdir("/esp", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
    int console = open("/dev/ttyS0", O_RDWR);
    dup2(console, 0), dup2(console, 1), dup2(console, 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool there = seal_probe(&place, why, sizeof why);
    printf("\nBOOTED\ntpm %d %s\n", there, why);
    show_pcrs(&place);
    show_log(&place);
    size_t n = slurp("/proc/cmdline", text, sizeof text - 1);
    text[n] = 0;
    printf("cmdline %s", text);
    seal_or_open(&place);
    printf("DONE\n");
    sync();
    sleep(1);
    reboot(RB_POWER_OFF);
}

int main(int count, char **arg)
{
    if (getpid() == 1)
        be_init();
    if (count < 4)
        die("tool TPM LOG COMMAND ...");
    struct seal_place place = {.tpm = arg[1], .log = arg[2]};
    const char *what = arg[3];
    static struct seal_slots slots;
    char text[200];
    if (strcmp(what, "probe") == 0) {
        bool good = seal_probe(&place, text, sizeof text);
        printf("%s\n", text);
        return !good;
    }
    if (strcmp(what, "pcrs") == 0)
        return show_pcrs(&place);
    if (strcmp(what, "log") == 0)
        return show_log(&place);
    if (strcmp(what, "digest") == 0 && count == 5)
        return show_digests(arg[4]);
    if (strcmp(what, "add") == 0 && (count == 7 || count == 9))
        return add(&place, count - 4, arg + 4);
    if (count != 5)
        die("wrong arguments");
    load(arg[4], &slots);
    if (strcmp(what, "open") == 0)
        return open_slots(&place, &slots);
    if (strcmp(what, "test") == 0)
        return test_slots(&place, &slots);
    die("no such command");
    return 1;
}
