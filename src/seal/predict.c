/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "seal/predict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "seal/pe.h"

/* bytes; a command line that the boot loader takes from an image. */
#define COMMAND_LINE_MAX 2048

enum { SWAP_IMAGE, SWAP_KERNEL, SWAP_COMMAND_LINE, SWAPS };

static enum status refuse(struct tpm *tpm, const char *what, enum status status)
{
    const char *why = status == STATUS_FAILED      ? strerror(errno)
                      : status == STATUS_TOO_LARGE ? "it is too long"
                      : status == STATUS_NOT_FOUND ? "what is needed is not in it"
                                                   : "it is damaged, or something else";
    snprintf(tpm->why, sizeof tpm->why, "%s cannot be read: %s", what, why);
    return status == STATUS_OK ? STATUS_FAILED : status;
}

static enum status read_log(struct tpm *tpm, const char *path, uint32_t pcrs, struct event_log *log)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return tpm_fail(tpm, STATUS_NOT_FOUND,
                        "the firmware left no log of what it measured (kernel started without UEFI?)");
    if (file < 0)
        return refuse(tpm, "the firmware's log of measurements", STATUS_FAILED);
    enum status status = event_log_read(file, pcrs, log);
    int why = errno;
    close(file);
    errno = why;
    return status == STATUS_OK ? STATUS_OK : refuse(tpm, "the firmware's log of measurements", status);
}

enum status predict_check_log(struct tpm *tpm, const char *log_path, uint32_t pcrs, struct event_log *log)
{
    struct tpm_pcrs replayed, now;
    enum status status = read_log(tpm, log_path, pcrs, log);
    if (status == STATUS_OK)
        status = tpm_pcrs_read(tpm, pcrs, &now);
    if (status != STATUS_OK)
        return status;
    event_log_replay(log, pcrs, NULL, 0, &replayed);
    for (unsigned i = 0; i < TPM_PCRS; i++) {
        if (memcmp(replayed.value[i], now.value[i], SHA256_BYTES) == 0)
            continue;
        snprintf(tpm->why, sizeof tpm->why,
                 "the firmware's log does not come to what the TPM has in PCR %u: a next start cannot be "
                 "foretold",
                 i);
        return STATUS_REFUSED;
    }
    return STATUS_OK;
}

/* The boot loader and the stub measure a command line as UTF-16 with its NUL; both cut white space off its
 * end. */
static enum status digest_command_line(const struct pe_file *image, uint8_t out[SHA256_BYTES])
{
    struct pe_file section;
    uint8_t text[COMMAND_LINE_MAX], wide[2 * (COMMAND_LINE_MAX + 1)] = {0};
    enum status status = pe_section(image, ".cmdline", &section);
    if (status != STATUS_OK)
        return status;
    if (section.len > sizeof text)
        return STATUS_TOO_LARGE;
    size_t len = (size_t)section.len;
    if (pread(section.file, text, len, (off_t)section.offset) != (ssize_t)len)
        return STATUS_FAILED;
    while (len > 0 && (text[len - 1] == 0 || strchr(" \t\r\n", text[len - 1]) != NULL))
        len--;
    for (size_t i = 0; i < len; i++)
        wide[2 * i] = text[i];
    sha256(span_of(wide, 2 * (len + 1)), out);
    return STATUS_OK;
}

/* What an image leaves in the log, in the order of enum above. */
static enum status digest_image(int file, uint8_t out[SWAPS][SHA256_BYTES])
{
    struct pe_file image, kernel;
    enum status status = pe_open(file, &image);
    if (status == STATUS_OK)
        status = pe_digest(&image, out[SWAP_IMAGE]);
    if (status == STATUS_OK)
        status = pe_section(&image, ".linux", &kernel);
    if (status == STATUS_OK)
        status = pe_digest(&kernel, out[SWAP_KERNEL]);
    if (status == STATUS_OK)
        status = digest_command_line(&image, out[SWAP_COMMAND_LINE]);
    return status;
}

enum status predict_pcrs(struct tpm *tpm, const char *log_path, uint32_t pcrs, int running_image,
                         int new_image, struct tpm_pcrs *out)
{
    struct event_log log;
    struct event_swap swaps[SWAPS];
    uint8_t running[SWAPS][SHA256_BYTES], next[SWAPS][SHA256_BYTES];
    enum status status = predict_check_log(tpm, log_path, pcrs, &log);
    if (status != STATUS_OK)
        return status;
    status = digest_image(running_image, running);
    if (status != STATUS_OK)
        return refuse(tpm, "the running image", status);
    status = digest_image(new_image, next);
    if (status != STATUS_OK)
        return refuse(tpm, "the new image", status);
    for (size_t i = 0; i < SWAPS; i++) {
        memcpy(swaps[i].from, running[i], SHA256_BYTES);
        memcpy(swaps[i].to, next[i], SHA256_BYTES);
    }
    event_log_replay(&log, pcrs, swaps, SWAPS, out);
    if (swaps[SWAP_IMAGE].used == 0)
        return tpm_fail(tpm, STATUS_REFUSED,
                        "the firmware's log does not name the running image: is it the file that started?");
    return STATUS_OK;
}
