/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long list that comes over HTTP, taken apart while it arrives: the bytes of a JSON document are fed in
 * pieces of any length, and each object in the array "resources" of that document is handed over as soon as
 * it is whole. So a list may be of any length, and nothing but one element is held.
 *
 * What is between the brackets is not checked here but for their nesting; whoever takes an element reads it
 * with json_parse, which is strict.
 */
#ifndef HOLDFAST_KEYMGR_JSON_LIST_H
#define HOLDFAST_KEYMGR_JSON_LIST_H

#include "base/limits.h"
#include "base/span.h"

struct json_list {
    /* Called for each element; the object is whole from { to } and stays valid until the call returns. */
    void (*element)(void *self, struct span object);
    void *self;

    size_t elements;  /* handed over */
    size_t too_large; /* elements of more than HTTP_ELEMENT_MAX bytes, which were passed over */
    bool found;       /* there is an array "resources" */
    bool failed;      /* this is no such document; what comes after is not looked at */

    enum { LIST_BEFORE, LIST_INSIDE, LIST_AFTER } place; /* of the document's outermost object */
    enum { LIST_FIRST, LIST_COMMA, LIST_NEXT } wanted;   /* in the array: what may come now */
    uint64_t objects; /* bit: the bracket of that depth is that of an object, not of an array */
    unsigned depth;   /* brackets open */
    unsigned name_at; /* bytes of a string at depth 1 that are those of the name */
    bool in_string, escaped;
    bool named;    /* the string just seen is the name */
    bool expected; /* the value of that name comes next */
    bool in_list;  /* inside the array */
    size_t len;
    uint8_t bytes[HTTP_ELEMENT_MAX];
};

void json_list_begin(struct json_list *list, void (*element)(void *self, struct span object), void *self);
void json_list_feed(struct json_list *list, struct span bytes);
/* Whether the document came to its end. One without "resources" did too: `found` tells. */
bool json_list_done(const struct json_list *list);

#endif
