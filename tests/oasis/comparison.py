# SPDX-License-Identifier: Apache-2.0
"""The comparison of an answer with the expected one, item by item."""

from dataclasses import dataclass
import difflib

import lists
import names
import rules
import scene as scenes
import ttlv

# What a server may leave out of an answer although the case shows it.
_OPTIONAL = ("Result Message", "Server Information")

# What a server may add, with the protocol version it begins in.
_ADDITIONAL = {"Result Message": (1, 0), "Located Items": (1, 3),
               "Server Correlation Value": (1, 4)}

# Structures whose content is the affair of the server.
_OPAQUE = ("Server Information", "Extension Information")


@dataclass(frozen=True)
class Difference:
    """One place where the answer is not as expected."""

    path: str
    expected: str
    got: str

    def __str__(self):
        return "%s: expected %s, got %s" % (self.path, self.expected, self.got)


def _version_of(request):
    version = request.find("Request Header").find("Protocol Version")
    return (version.get("Protocol Version Major"), version.get("Protocol Version Minor"))


def _index_free(children):
    """Leave the Attribute Index 0 out: a server may write it or not, it means the same."""
    index = names.tag_number("Attribute Index")
    return [child for child in children if child.tag != index or child.value != 0]


def _without_optional(expected, got, version):
    """Leave out what only one side has and the server is free to have or not.

    A Result Message is only for people, Server Information is for those who know the
    server, and the number of located items is a service to the client.
    """
    tags = {child.tag for child in expected}, {child.tag for child in got}
    optional = {names.tag_number(name) for name in _OPTIONAL}
    additional = {names.tag_number(name) for name, since in _ADDITIONAL.items()
                  if version >= since}
    return ([child for child in expected if child.tag in tags[1] or child.tag not in optional],
            [child for child in got if child.tag in tags[0] or child.tag not in additional])


def _text(item, attribute_name=None):
    field = ttlv.field_of(item, attribute_name)
    kind = ttlv.TYPE_NAMES[item.type]
    if item.type == ttlv.STRUCTURE:
        return "%s %s" % (field, ttlv.value_text(item))
    return "%s %s %s" % (field, kind, ttlv.value_text(item, field))


def _status_text(batch_item):
    """Return how a batch item ended, with the reason and message that say why."""
    shown = ("Result Status", "Result Reason", "Result Message")
    parts = [batch_item.find(name) for name in shown]
    return ", ".join(ttlv.value_text(part) for part in parts if part) or "no status"


class Comparison:
    """The comparison of one answer."""

    def __init__(self, scene, request):
        self._scene = scene
        self._request = request
        self._version = _version_of(request)
        self._identifier = None
        self.differences = []

    def _complain(self, path, expected, got):
        self.differences.append(Difference(path, expected, got))

    def message(self, expected, got):
        """Compare a whole message: the header, and every batch item in its place."""
        if expected.tag != got.tag:
            return self._complain("", _text(expected), _text(got))
        parts = [[child for child in message.children()
                  if child.tag != names.tag_number("Batch Item")] for message in (expected, got)]
        self._children("", *parts)
        items = [message.find_all("Batch Item") for message in (expected, got)]
        if len(items[0]) != len(items[1]):
            self._complain("Batch Item", "%d of them" % len(items[0]), "%d" % len(items[1]))
        asked = self._request.find_all("Batch Item")
        for number, pair in enumerate(zip(*items)):
            path = "item %d" % (number + 1) if len(items[0]) > 1 else "item"
            self._batch_item(path, *pair, asked[number] if number < len(asked) else None)
        return None

    def _batch_item(self, path, expected, got, asked):
        if expected.get("Result Status") != got.get("Result Status"):
            return self._complain(path, _status_text(expected), _status_text(got))
        payload = got.find("Response Payload")
        self._identifier = payload.get("Unique Identifier") if payload else None
        operation = scenes.operation_of(expected)
        special = {"Get Attributes": self._attributes, "Get Attribute List": self._names,
                   "Query": self._query, "Discover Versions": self._versions}.get(operation)
        pairs = self._pairs(path, expected.children(), got.children())
        for ours, theirs in pairs:
            if special and asked and ours.tag == names.tag_number("Response Payload"):
                special(path, ours, theirs, asked.find("Request Payload"))
            else:
                self._item(path, ours, theirs)
        return None

    def _pairs(self, path, expected, got):
        """Pair the items that stand in the same place; complain of those with no pair."""
        expected, got = _without_optional(expected, got, self._version)
        tags = [[child.tag for child in side] for side in (expected, got)]
        matcher = difflib.SequenceMatcher(None, *tags, autojunk=False)
        pairs = []
        for kind, left, left_end, right, right_end in matcher.get_opcodes():
            if kind == "equal":
                pairs += zip(expected[left:left_end], got[right:right_end])
                continue
            for child in expected[left:left_end]:
                self._complain(path, _text(child), "nothing")
            for child in got[right:right_end]:
                self._complain(path, "nothing", _text(child))
        return pairs

    def _children(self, path, expected, got, attribute_name=None):
        for ours, theirs in self._pairs(path, _index_free(expected), _index_free(got)):
            self._item(path, ours, theirs, attribute_name)

    def _item(self, path, expected, got, attribute_name=None):
        """Compare two items of the same tag."""
        field = ttlv.field_of(expected, attribute_name)
        path = "%s/%s" % (path, field) if path else field
        if expected.type != got.type:
            self._complain(path, _text(expected, attribute_name), _text(got, attribute_name))
        elif expected.type == ttlv.STRUCTURE:
            if field not in _OPAQUE:
                name = ttlv.attribute_name_of(expected)
                self._children(path + ("@" + name if name else ""), expected.value, got.value, name)
        else:
            self._leaf(path, expected, got, field)

    def _leaf(self, path, expected, got, field):
        value = rules.Value(field, expected.value, got.value, expected.type, self._identifier)
        if not rules.same(value, self._scene):
            self._complain(path, self._expected_text(expected, field),
                           ttlv.value_text(got, field))

    def _expected_text(self, expected, field):
        known = self._scene.variables.get(getattr(expected.value, "name", None))
        text = ttlv.value_text(expected, field)
        return text if known is None else "%s, which is %r" % (text, known)

    def _attribute_set(self, path, expected, got, asked):
        named = asked is not None and bool(asked.find_all("Attribute Name"))
        complaints = lists.attribute_set(path, expected, got, named, self._version,
                                         self._scene.sent_attributes)
        for complaint in complaints:
            self._complain(*complaint)

    def _rest(self, path, expected, got, tag_name):
        """Compare the items of a payload that do not belong to its list."""
        tag = names.tag_number(tag_name)
        self._children(path, *[[child for child in side.children() if child.tag != tag]
                               for side in (expected, got)])

    def _attributes(self, path, expected, got, asked):
        """Compare the payload of Get Attributes: the values go by name and index."""
        self._rest(path, expected, got, "Attribute")
        tables = [[((child.get("Attribute Name"), child.get("Attribute Index") or 0), child)
                   for child in side.find_all("Attribute")] for side in (expected, got)]
        self._attribute_set(path, *[[key for key, _ in table] for table in tables], asked)
        found = dict(tables[1])
        for key, child in tables[0]:
            if key in found:
                self._item(path, child, found[key])

    def _names(self, path, expected, got, asked):
        """Compare the payload of Get Attribute List: a set of names."""
        self._rest(path, expected, got, "Attribute Name")
        keys = [[(child.value, 0) for child in side.find_all("Attribute Name")]
                for side in (expected, got)]
        self._attribute_set(path, *keys, asked)

    def _query(self, path, _expected, got, asked):
        """Compare the payload of Query by what was asked for."""
        functions = [names.enumeration_name("Query Function", child.value)
                     for child in asked.find_all("Query Function")]
        for complaint in lists.query(path, got.children(), functions, self._version):
            self._complain(*complaint)

    def _versions(self, path, expected, got, asked):
        """Compare the payload of Discover Versions."""
        self._rest(path, expected, got, "Protocol Version")
        found = [[(child.get("Protocol Version Major"), child.get("Protocol Version Minor"))
                  for child in side.find_all("Protocol Version")] for side in (expected, got)]
        for complaint in lists.versions(path, *found, bool(asked.children())):
            self._complain(*complaint)


def compare(expected, got, request, scene):
    """Return the differences between an answer and the expected one."""
    comparison = Comparison(scene, request)
    comparison.message(expected, got)
    return comparison.differences
