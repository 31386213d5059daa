/* SPDX-License-Identifier: Apache-2.0 */
/* The record of boots from a disk: what is read is printed, and read back the same; a boot is added. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "init/boots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void need(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void check_same(const struct boots *boots)
{
    static char text[BOOTS_BYTES], again[BOOTS_BYTES];
    struct boots back;
    struct buf out = buf_over(text, sizeof text), second = buf_over(again, sizeof again);
    boots_print(boots, &out);
    need(!out.full, "sixteen boots do not fit");
    boots_parse(buf_span(&out), &back);
    need(back.count == boots->count, "a boot is lost");
    boots_print(&back, &second);
    need(span_equal(buf_span(&out), buf_span(&second)), "a boot changes when it is read back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static int nowhere = -1;
    struct boots boots;
    uint8_t *copy = malloc(len + 1);
    memcpy(copy, data, len);
    boots_parse(span_of(copy, len), &boots);
    free(copy);
    need(boots.count <= BOOTS_MAX, "too many");
    check_same(&boots);
    struct boot_facts facts = {
        .now_s = 1798797600, .slot = len & 3, .version = "1.1.0", .trial = (len & 4) != 0};
    if ((len & 8) != 0) {
        facts.failed = "1.2.0";
        facts.failed_slot = 3;
    }
    facts.waiting = (len & 16) != 0 ? "1.3.0" : NULL;
    facts.last_alive_s = boots.count == 0 ? 0 : boots.list[boots.count - 1].time_s + (int64_t)len * 7;
    boots_add(&boots, &facts);
    need(boots.count != 0 && boots.list[boots.count - 1].end == BOOT_RUNNING, "the new one");
    check_same(&boots);
    if (nowhere < 0)
        nowhere = open("/dev/null", O_WRONLY);
    boots_write(&boots, nowhere);
    return 0;
}
