/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UEFI firmware measures of a program that it starts: the Authenticode digest of a PE/COFF file
 * ("Windows Authenticode Portable Executable Signature Format", section "Calculating the PE Image Hash"; TCG
 * PC Client Platform Firmware Profile, "EV_EFI_BOOT_SERVICES_APPLICATION"). The file is read in small parts.
 */
#ifndef HOLDFAST_SEAL_PE_H
#define HOLDFAST_SEAL_PE_H

#include "base/status.h"
#include "crypto/digest.h"

/* bytes; no unified kernel image comes near. Bounds the time that a damaged file can take. */
#define PE_FILE_MAX (64u << 20)

/* A PE file, or one inside another, such as the kernel in a unified kernel image. */
struct pe_file {
    int file;
    uint64_t offset; /* bytes; where it begins in the open file */
    uint64_t len;
};

/* Length from the file itself. STATUS_FAILED: errno; STATUS_TOO_LARGE over PE_FILE_MAX. */
MUST_USE enum status pe_open(int file, struct pe_file *out);

/* The SHA-256 digest. STATUS_MALFORMED: no PE file, or one whose parts lie outside of it. STATUS_FAILED: it
 * cannot be read. */
MUST_USE enum status pe_digest(const struct pe_file *pe, uint8_t out[SHA256_BYTES]);

/* The content of the section of this name (at most 8 letters), as it lies in memory when the file runs but
 * for zeros at its end. STATUS_NOT_FOUND without one. */
MUST_USE enum status pe_section(const struct pe_file *pe, const char *name, struct pe_file *out);

#endif
