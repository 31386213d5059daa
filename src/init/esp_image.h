/* SPDX-License-Identifier: Apache-2.0 */
/* What a unified kernel image says of itself: the version in its section .osrel. */
#ifndef HOLDFAST_INIT_ESP_IMAGE_H
#define HOLDFAST_INIT_ESP_IMAGE_H

#include "base/span.h"

#define VERSION_MAX 48 /* bytes of a version, with its NUL */

/*
 * The version in an open image: the last word of PRETTY_NAME in os-release(5), which is the PE section
 * .osrel. False when the file is no image, or says no version; *version is then "".
 */
MUST_USE bool esp_image_version(int fd, char version[VERSION_MAX]);

/* The same of the section's text. */
MUST_USE bool esp_image_version_of(struct span osrel, char version[VERSION_MAX]);

#endif
