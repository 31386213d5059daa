/* SPDX-License-Identifier: Apache-2.0 */
#include "keymgr/json_list.h"

#define NAME        "resources"
#define NAME_LENGTH (sizeof NAME - 1)
#define NOT_NAME    (NAME_LENGTH + 1)

/* brackets inside one another; `objects` has a bit for each. */
#define DEPTH_MAX 32

/* Depth of what stands directly in the outermost object, in the array, and in an element of it. */
enum { IN_DOCUMENT = 1, IN_ARRAY = 2, IN_ELEMENT = 3 };

void json_list_begin(struct json_list *list, void (*element)(void *self, struct span object), void *self)
{
    *list = (struct json_list){.element = element, .self = self};
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One byte of an element; the length goes on behind the end of the room. */
static void keep(struct json_list *l, uint8_t c)
{
    if (l->len < sizeof l->bytes)
        l->bytes[l->len] = c;
    l->len++;
}

static void hand_over(struct json_list *l)
{
    if (l->len > sizeof l->bytes) {
        l->too_large++;
    } else {
        l->elements++;
        l->element(l->self, span_of(l->bytes, l->len));
    }
    l->len = 0;
}

static void in_string(struct json_list *l, uint8_t c)
{
    if (c < 0x20)
        l->failed = true;
    if (c == '"' && !l->escaped) {
        l->in_string = false;
        l->named = l->depth == IN_DOCUMENT && l->name_at == NAME_LENGTH;
        return;
    }
    l->escaped = c == '\\' && !l->escaped;
    l->name_at = l->name_at < NAME_LENGTH && c == (uint8_t)NAME[l->name_at] ? l->name_at + 1 : NOT_NAME;
}

static void open_bracket(struct json_list *l, bool object)
{
    if (l->depth == DEPTH_MAX || (l->depth == 0 && !object)) {
        l->failed = true;
        return;
    }
    l->place = LIST_INSIDE;
    uint64_t bit = (uint64_t)1 << l->depth++;
    l->objects = object ? l->objects | bit : l->objects & ~bit;
}

static void close_bracket(struct json_list *l, bool object)
{
    if (l->depth == 0 || ((l->objects >> (l->depth - 1) & 1) != 0) != object) {
        l->failed = true;
        return;
    }
    l->depth--;
    if (l->depth == 0)
        l->place = LIST_AFTER;
    if (l->in_list && l->depth == IN_DOCUMENT)
        l->in_list = false;
    if (l->in_list && l->depth == IN_ARRAY) {
        l->wanted = LIST_COMMA;
        hand_over(l);
    }
}

static void anywhere(struct json_list *l, uint8_t c)
{
    bool named = l->named;
    l->named = false;
    switch (c) {
    case '"':
        l->in_string = true;
        l->name_at = 0;
        break;
    case '{':
    case '[':
        open_bracket(l, c == '{');
        break;
    case '}':
    case ']':
        close_bracket(l, c == '}');
        break;
    case ':':
        l->expected = named;
        break;
    default:
        break;
    }
    if (l->depth == 0 && l->place != LIST_AFTER)
        l->failed = true; /* something other than a bracket before the document */
}

/* The value of "resources" is an array, and there is one. */
static void begin_array(struct json_list *l, uint8_t c)
{
    l->expected = false;
    if (c != '[' || l->found) {
        l->failed = true;
        return;
    }
    open_bracket(l, false);
    l->found = l->in_list = true;
    l->wanted = LIST_FIRST;
}

/* Directly in the array: objects with commas between them. */
static void between_elements(struct json_list *l, uint8_t c)
{
    if (c == ',' && l->wanted == LIST_COMMA) {
        l->wanted = LIST_NEXT;
    } else if (c == ']' && l->wanted != LIST_NEXT) {
        close_bracket(l, false);
    } else if (c == '{' && l->wanted != LIST_COMMA) {
        keep(l, c);
        open_bracket(l, true);
    } else {
        l->failed = true;
    }
}

static void step(struct json_list *l, uint8_t c)
{
    if (l->in_list && l->depth >= IN_ELEMENT)
        keep(l, c);
    if (l->in_string) {
        in_string(l, c);
        return;
    }
    if (is_blank(c))
        return;
    if (l->place == LIST_AFTER)
        l->failed = true;
    else if (l->expected)
        begin_array(l, c);
    else if (l->in_list && l->depth == IN_ARRAY)
        between_elements(l, c);
    else
        anywhere(l, c);
}

void json_list_feed(struct json_list *list, struct span bytes)
{
    for (size_t i = 0; i < bytes.len && !list->failed; i++)
        step(list, bytes.ptr[i]);
}

bool json_list_done(const struct json_list *list)
{
    return !list->failed && list->place == LIST_AFTER;
}
