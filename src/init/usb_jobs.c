/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/usb_jobs.h"

#include <stdio.h>

struct usb_place usb_place_of(const struct box *box)
{
    return (struct usb_place){
        .classes = "/sys/class/block", .devices = "/dev", .own = box->disk, .folder = "/run/usb"};
}

static bool file_name(const struct job_call *call, char name[FAT_NAME_MAX], char *why, size_t cap)
{
    if (call->count == 3 && call->words[2].len < FAT_NAME_MAX) {
        snprintf(name, FAT_NAME_MAX, "%.*s", (int)call->words[2].len, (const char *)call->words[2].ptr);
        return true;
    }
    snprintf(why, cap, "name one file of the stick; see: usb list");
    return false;
}

bool usb_list_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct usb usb;
    struct usb_place place = usb_place_of(box);
    if (!usb_open(&usb, &place, false, why, cap))
        return false;
    usb_list(&usb, call->out);
    return usb_close(&usb, why, cap);
}

bool usb_read_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct usb usb;
    struct usb_place place = usb_place_of(box);
    char name[FAT_NAME_MAX], text[INIT_BODY], ignored[200];
    struct buf content = buf_over(text, sizeof text);
    if (!file_name(call, name, why, cap) || !usb_open(&usb, &place, false, why, cap))
        return false;
    bool good = usb_read(&usb, name, &content, why, cap);
    usb_close(&usb, ignored, sizeof ignored); /* nothing was written */
    if (!good)
        return false;
    dprintf(call->out, "%.*s", (int)content.len, text);
    if (content.len != 0 && text[content.len - 1] != '\n')
        dprintf(call->out, "\n");
    return true;
}

bool usb_write_job(struct box *box, const struct job_call *call, char *why, size_t cap)
{
    struct usb usb;
    struct usb_place place = usb_place_of(box);
    char name[FAT_NAME_MAX], ignored[200];
    if (!file_name(call, name, why, cap) || !usb_open(&usb, &place, true, why, cap))
        return false;
    bool good = usb_write(&usb, name, call->body, why, cap);
    if (!good)
        usb_close(&usb, ignored, sizeof ignored);
    else if (!usb_close(&usb, why, cap))
        return false;
    if (good)
        dprintf(call->out, "%s written: the stick can be taken out\n", name);
    return good;
}
