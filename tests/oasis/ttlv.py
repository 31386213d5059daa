# SPDX-License-Identifier: Apache-2.0
"""The TTLV encoding of KMIP: items, bytes, and a text form for people."""

from dataclasses import dataclass
import datetime
import struct

import names

STRUCTURE, INTEGER, LONG_INTEGER, BIG_INTEGER, ENUMERATION = 1, 2, 3, 4, 5
BOOLEAN, TEXT_STRING, BYTE_STRING, DATE_TIME, INTERVAL = 6, 7, 8, 9, 10

TYPE_NAMES = {
    STRUCTURE: "Structure", INTEGER: "Integer", LONG_INTEGER: "LongInteger",
    BIG_INTEGER: "BigInteger", ENUMERATION: "Enumeration", BOOLEAN: "Boolean",
    TEXT_STRING: "TextString", BYTE_STRING: "ByteString", DATE_TIME: "DateTime",
    INTERVAL: "Interval",
}

# The types of one fixed length, with the layout of the value without its padding.
_LAYOUTS = {
    INTEGER: ">i", LONG_INTEGER: ">q", ENUMERATION: ">I", BOOLEAN: ">Q",
    DATE_TIME: ">q", INTERVAL: ">I",
}

ATTRIBUTE = names.tag_number("Attribute")
ATTRIBUTE_NAME = names.tag_number("Attribute Name")
ATTRIBUTE_VALUE = names.tag_number("Attribute Value")


class Malformed(Exception):
    """The bytes are not one well-formed TTLV item."""


@dataclass
class Item:
    """One item: a structure has a list of items as its value.

    The value of an item from a test case may also be an expression, which has to be
    replaced by a plain value before the item is encoded.
    """

    tag: int
    type: int
    value: object

    def children(self):
        """Return the items of a structure, and nothing for any other type."""
        return self.value if self.type == STRUCTURE else []

    def find(self, name):
        """Return the first child with this tag name, or None."""
        tag = names.tag_number(name)
        return next((child for child in self.children() if child.tag == tag), None)

    def find_all(self, name):
        """Return all the children with this tag name."""
        tag = names.tag_number(name)
        return [child for child in self.children() if child.tag == tag]

    def get(self, name):
        """Return the value of the first child with this tag name, or None."""
        child = self.find(name)
        return None if child is None else child.value

    def walk(self):
        """Yield this item and everything inside it."""
        yield self
        for child in self.children():
            yield from child.walk()


def _padded(value):
    return value + b"\0" * (-len(value) % 8)


def _big_integer(value):
    """Return the shortest two's complement form whose length is a multiple of eight."""
    length = 8
    while not -(1 << (8 * length - 1)) <= value < 1 << (8 * length - 1):
        length += 8
    return value.to_bytes(length, "big", signed=True)


def _content(item):
    """Return the value of an item as bytes, without padding."""
    if item.type == STRUCTURE:
        return b"".join(encode(child) for child in item.value)
    if item.type == TEXT_STRING:
        return item.value.encode("utf-8")
    if item.type == BYTE_STRING:
        return bytes(item.value)
    if item.type == BIG_INTEGER:
        return _big_integer(item.value)
    return struct.pack(_LAYOUTS[item.type], item.value)


def encode(item):
    """Return the bytes of an item."""
    content = _content(item)
    head = item.tag.to_bytes(3, "big") + bytes([item.type])
    return head + len(content).to_bytes(4, "big") + _padded(content)


def _parse_value(kind, content):
    """Return the value of an item from its bytes without padding."""
    if kind == STRUCTURE:
        return _parse_all(content)
    if kind == TEXT_STRING:
        return content.decode("utf-8")
    if kind == BYTE_STRING:
        return content
    if kind == BIG_INTEGER:
        if not content or len(content) % 8:
            raise Malformed("Big Integer of %d bytes" % len(content))
        return int.from_bytes(content, "big", signed=True)
    return _parse_number(kind, content)


def _parse_number(kind, content):
    if kind not in _LAYOUTS:
        raise Malformed("type %d does not exist" % kind)
    if len(content) != struct.calcsize(_LAYOUTS[kind]):
        raise Malformed("%s of %d bytes" % (TYPE_NAMES[kind], len(content)))
    value = struct.unpack(_LAYOUTS[kind], content)[0]
    if kind == BOOLEAN and value > 1:
        raise Malformed("Boolean with the value %d" % value)
    return bool(value) if kind == BOOLEAN else value


def _parse_one(data):
    """Return the item at the start of the data, and the data behind it."""
    if len(data) < 8:
        raise Malformed("%d bytes left where an item begins" % len(data))
    length = int.from_bytes(data[4:8], "big")
    whole = 8 + length + -length % 8
    if len(data) < whole:
        raise Malformed("an item of %d bytes in %d bytes" % (whole, len(data)))
    if any(data[8 + length:whole]):
        raise Malformed("padding that is not zero")
    try:
        value = _parse_value(data[3], data[8:8 + length])
    except UnicodeDecodeError as error:
        raise Malformed("Text String that is not UTF-8") from error
    return Item(int.from_bytes(data[:3], "big"), data[3], value), data[whole:]


def _parse_all(data):
    items = []
    while data:
        item, data = _parse_one(data)
        items.append(item)
    return items


def decode(data):
    """Return the one item that the bytes hold."""
    item, rest = _parse_one(data)
    if rest:
        raise Malformed("%d bytes behind the item" % len(rest))
    return item


def field_of(item, attribute_name=None):
    """Return the name of what an item holds: an Attribute Value holds its attribute."""
    if item.tag == ATTRIBUTE_VALUE and attribute_name:
        return attribute_name
    return names.tag_name(item.tag)


def attribute_name_of(item):
    """Return the attribute name of an Attribute structure, and None for other items."""
    if item.tag != ATTRIBUTE:
        return None
    name = item.get("Attribute Name")
    return name if isinstance(name, str) else None


def _date(seconds):
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):
        return "%d" % seconds
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def value_text(item, field=None):
    """Return the value of an item as people read it."""
    field = field or names.tag_name(item.tag)
    if item.type == STRUCTURE:
        return "{%s}" % ", ".join(_text(child) for child in item.value)
    if not isinstance(item.value, (int, str, bytes)):
        return str(item.value)
    if item.type == ENUMERATION:
        return names.enumeration_name(field, item.value)
    if item.type == INTEGER and names.is_mask(field):
        return names.mask_name(field, item.value)
    if item.type == DATE_TIME:
        return _date(item.value)
    if item.type == BYTE_STRING:
        return item.value.hex()
    return repr(item.value) if item.type == TEXT_STRING else str(item.value)


def _text(item):
    return "%s=%s" % (names.tag_name(item.tag), value_text(item))


def lines(item, depth=0, attribute_name=None):
    """Yield the lines of an item as an indented tree."""
    label = "  " * depth + names.tag_name(item.tag)
    if item.type != STRUCTURE:
        yield "%s = %s" % (label, value_text(item, field_of(item, attribute_name)))
        return
    yield label
    name = attribute_name_of(item) or attribute_name
    for child in item.value:
        yield from lines(child, depth + 1, name)
