/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that process 1 answers at once, from what it knows. Each returns NULL, or what to do instead. */
#ifndef HOLDFAST_INIT_LOOK_H
#define HOLDFAST_INIT_LOOK_H

#include "init/box.h"

const char *look_state(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_log(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_revisions(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_interfaces(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_time(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_identity(struct box *box, const struct span *words, size_t count, struct buf *out);
const char *look_confirm(struct box *box, const struct span *words, size_t count, struct buf *out);

/* "TPM 2.0", or "none". */
void look_tpm(struct buf *out);

#endif
