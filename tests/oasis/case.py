# SPDX-License-Identifier: Apache-2.0
"""An OASIS test case: the exchanges of one XML file, as TTLV items with expressions.

The files are XML with stray text between the messages.  That text is either without
meaning (`# TIME 3`, page numbers) or a label such as `# [Client-B]` for the messages
that follow, which tells who sends them.
"""

from dataclasses import dataclass, field
import calendar
import pathlib
import re
import time
import xml.etree.ElementTree as ElementTree

import names
import ttlv

_TYPES = {name: number for number, name in ttlv.TYPE_NAMES.items()}
_LABEL = re.compile(r"\[((?:Client|Server)-[A-Za-z-]+)\]")

# The label of messages that a server sends on its own account; a client has no part in them.
SERVER_LABEL = "Server-to-Client"


class BadCase(Exception):
    """The file cannot be read as a test case."""


@dataclass(frozen=True)
class Variable:
    """A value that the server chooses and that later messages refer to: $NAME."""

    name: str

    def __str__(self):
        return "$" + self.name


@dataclass(frozen=True)
class Moment:
    """A date relative to the time of the exchange: $NOW, $NOW-3600, $NOW+120."""

    offset: int

    def __str__(self):
        return "$NOW%+d" % self.offset if self.offset else "$NOW"


@dataclass
class Exchange:
    """A request and the response which is expected to it."""

    number: int
    request: ttlv.Item
    response: ttlv.Item
    label: str = ""


@dataclass
class Case:
    """A test case with its name, the file name without extension."""

    name: str
    exchanges: list = field(default_factory=list)

    def version(self):
        """Return the protocol version of the first request, such as '1.2'."""
        header = self.exchanges[0].request.find("Request Header")
        version = header.find("Protocol Version")
        return "%d.%d" % (version.get("Protocol Version Major"),
                          version.get("Protocol Version Minor"))


def _expression(text):
    """Return the expression that a value is, or None for a plain value."""
    moment = re.fullmatch(r"\$NOW\s*([+-]\s*\d+)?", text)
    if moment:
        return Moment(int((moment.group(1) or "0").replace(" ", "")))
    variable = re.fullmatch(r"\$([A-Z][A-Z0-9_]*)", text)
    return Variable(variable.group(1)) if variable else None


def _date(text):
    """Return the seconds of a date like 2012-10-05T22:08:19+00:00, or of a number."""
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    match = re.fullmatch(r"(\d+-\d+-\d+T\d+:\d+:\d+)(?:Z|([+-])(\d\d):(\d\d))?", text)
    if not match:
        raise BadCase("date " + text)
    seconds = calendar.timegm(time.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S"))
    if match.group(2):
        zone = int(match.group(3)) * 3600 + int(match.group(4)) * 60
        seconds -= zone if match.group(2) == "+" else -zone
    return seconds


def _integer(text, field_name):
    if names.is_mask(field_name):
        return names.mask_value(field_name, text)
    return int(text, 0)


def _boolean(text, _field_name):
    if text not in ("true", "false", "1", "0"):
        raise BadCase("boolean " + text)
    return text in ("true", "1")


def _text(text, _field_name):
    # Line wrapping of the published documents left runs of blanks inside of values.
    return " ".join(text.split())


_READERS = {
    ttlv.INTEGER: _integer,
    ttlv.LONG_INTEGER: lambda text, _field_name: int(text, 0),
    ttlv.BIG_INTEGER: lambda text, _: int.from_bytes(bytes.fromhex(text), "big", signed=True),
    ttlv.ENUMERATION: lambda text, field_name: names.enumeration_value(field_name, text),
    ttlv.BOOLEAN: _boolean,
    ttlv.TEXT_STRING: _text,
    ttlv.BYTE_STRING: lambda text, _field_name: bytes.fromhex(text),
    ttlv.DATE_TIME: lambda text, _field_name: _date(text),
    ttlv.INTERVAL: lambda text, _field_name: int(text, 0),
}


def parse_value(kind, text, field_name):
    """Return the value that the text of an XML attribute stands for."""
    found = _expression(text.strip())
    if found is not None:
        return found
    try:
        return _READERS[kind](text, field_name)
    except (KeyError, ValueError) as error:
        raise BadCase("%s %s: %r" % (field_name, ttlv.TYPE_NAMES[kind], text)) from error


def _tag(element):
    """Return the tag of an element, which may also be written <TTLV tag="0x540001">."""
    if element.tag == "TTLV":
        return int(element.get("tag"), 16)
    try:
        return names.tag_number(element.tag)
    except KeyError as error:
        raise BadCase("element " + element.tag) from error


def _attribute_name(element):
    """Return the name an Attribute element gives to the value inside it."""
    if element.tag != "Attribute":
        return None
    name = element.find("AttributeName")
    return None if name is None else " ".join(name.get("value", "").split())


def parse_item(element, attribute_name=None):
    """Return the item of an XML element."""
    tag = _tag(element)
    kind = _TYPES.get(element.get("type", "Structure"))
    if kind is None:
        raise BadCase("type %s" % element.get("type"))
    if kind == ttlv.STRUCTURE:
        inner = _attribute_name(element)
        return ttlv.Item(tag, kind, [parse_item(child, inner) for child in element])
    field_name = attribute_name if element.tag == "AttributeValue" else names.tag_name(tag)
    return ttlv.Item(tag, kind, parse_value(kind, element.get("value", ""), field_name))


def _label(text, label):
    """Return the label that stray text sets, or else the one in force."""
    found = _LABEL.findall(text or "")
    return found[-1] if found else label


def parse_case(name, text):
    """Return the case of an XML text."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise BadCase(str(error)) from error
    messages = list(root)
    if len(messages) % 2 or not messages:
        raise BadCase("%d messages" % len(messages))
    return Case(name, list(_exchanges(root, messages)))


def _exchanges(root, messages):
    label = _label(root.text, "")
    for index in range(0, len(messages), 2):
        request, response = messages[index:index + 2]
        if (request.tag, response.tag) != ("RequestMessage", "ResponseMessage"):
            raise BadCase("%s followed by %s" % (request.tag, response.tag))
        yield Exchange(index // 2 + 1, parse_item(request), parse_item(response), label)
        label = _label(response.tail, label)


def read_case(path):
    """Return the case of a file."""
    path = pathlib.Path(path)
    return parse_case(path.stem, path.read_text(encoding="utf-8", errors="replace"))
