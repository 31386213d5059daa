# SPDX-License-Identifier: Apache-2.0
"""Reads request bodies as Key Protect does: names of members in any case, unknown members refused."""

import base64
import binascii
import calendar
import json
import re
import time

from errors import Refusal, bad_body, bad_field

BASE64_TEXT = re.compile(r"[A-Za-z0-9+/]*")


def object_of(data):
    """Return the JSON object of a body; None for an empty body, `null` or `{}`."""
    data = data.strip()
    if not data or data == b"null":
        return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise bad_body(go_json_error(data, error)) from None
    if not isinstance(value, dict):
        raise bad_body("json: cannot unmarshal %s into Go value" % go_type(value))
    return value or None


def go_json_error(data, error):
    """Return nearly the words of Go's decoder for broken JSON."""
    at = getattr(error, "pos", None)
    if at is None:
        return "invalid character in body"
    if at >= len(data):
        return "unexpected EOF"
    return "invalid character %r looking for beginning of value" % data.decode("utf-8", "replace")[at:at + 1]


def go_type(value):
    """Return Go's name for the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    for kinds, name in (((int, float), "number"), (str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kinds):
            return name
    return "null"


def members(value, allowed):
    """Return the members of an object under their proper names; `allowed` maps a name to its type."""
    if not isinstance(value, dict):
        raise bad_body("json: cannot unmarshal %s into Go value of type object" % go_type(value))
    proper = {name.lower(): name for name in allowed}
    found = {}
    for given, content in value.items():
        name = proper.get(given.lower())
        if name is None:
            raise bad_body('json: unknown field "%s"' % given)
        if content is None:
            continue
        kind = allowed[name]
        if not isinstance(content, kind) or (kind is int and isinstance(content, bool)):
            raise bad_body("json: cannot unmarshal %s into Go struct field %s" % (go_type(content), name))
        found[name] = content
    return found


def collection(data, allowed, one_only=None):
    """Return the resources of a body {metadata, resources}; `one_only` is the text when there must be one."""
    body = object_of(data)
    if body is None:
        raise Refusal("NO_BODY_ERR")
    top = members(body, {"metadata": dict, "resources": list})
    metadata = members(top.get("metadata", {}), {"collectionType": str, "collectionTotal": int})
    if not metadata:
        raise bad_body("CollectionMetadata is empty")
    resources = [members(one, allowed) for one in top.get("resources", [])]
    if one_only and len(resources) != 1:
        raise bad_body(one_only)
    if metadata.get("collectionTotal") != len(resources):
        raise Refusal("COLLECTION_TOTAL_MISMATCH_ERR")
    return resources


def base64_bytes(text):
    """Return (bytes, None), or (None, why) in the words of Go's decoder."""
    clean = text.replace("\r", "").replace("\n", "")
    try:
        if len(clean) % 4 == 0:
            return base64.b64decode(clean, validate=True), None
    except (binascii.Error, ValueError):
        pass
    at = BASE64_TEXT.match(clean).end()
    if at == len(clean):
        at -= at % 4
    return None, "illegal base64 data at input byte %d" % at


def material(fields, name="payload"):
    """Return the bytes of a member that holds key material, None when it is absent."""
    if not fields.get(name):
        return None
    data, why = base64_bytes(fields[name])
    if data is None:
        raise bad_field(name, "a base64 encoded key material: " + why)
    return data


def seconds_of(text, field):
    """Return an RFC 3339 date as seconds since 1970."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:?\d\d)", text)
    try:
        seconds = calendar.timegm(time.strptime(found[1].upper().replace(" ", "T"), "%Y-%m-%dT%H:%M:%S"))
    except (TypeError, ValueError):
        raise bad_field(field, "a date in RFC 3339 format") from None
    if found[3] not in "Zz":
        sign = -1 if found[3][0] == "-" else 1
        seconds -= sign * (int(found[3][1:3]) * 3600 + int(found[3][-2:]) * 60)
    return seconds + float(found[2] or 0)
