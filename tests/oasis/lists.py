# SPDX-License-Identifier: Apache-2.0
"""The rules for lists whose order or extent is up to the server.

Every rule yields complaints as (path, expected, got).
"""

import names
import ttlv

# Attributes a server may set without being asked, with the protocol version they begin in.
_OWN = {
    "Object Group": (1, 0), "Operation Policy Name": (1, 0), "Lease Time": (1, 0),
    "Fresh": (1, 1), "Original Creation Date": (1, 2), "Key Value Present": (1, 2),
    "Random Number Generator": (1, 3), "Sensitive": (1, 4), "Always Sensitive": (1, 4),
    "Extractable": (1, 4), "Never Extractable": (1, 4),
}

# The last operation of each protocol version.
_LAST_OPERATION = {(1, 0): 0x1C, (1, 1): 0x1E, (1, 2): 0x29, (1, 3): 0x29, (1, 4): 0x2B}

_LAST_OBJECT_TYPE = {(1, 0): 8, (1, 1): 8, (1, 2): 9, (1, 3): 9, (1, 4): 9}

# The items of the answer to Query in their order, with the function that asks for each.
_QUERY_ITEMS = (
    ("Operation", "Query Operations"), ("Object Type", "Query Objects"),
    ("Vendor Identification", "Query Server Information"),
    ("Server Information", "Query Server Information"),
    ("Application Namespace", "Query Application Namespaces"),
    ("Extension Information", None), ("Attestation Type", "Query Attestation Types"),
    ("RNG Parameters", "Query RNGs"), ("Profile Information", "Query Profiles"),
    ("Validation Information", "Query Validations"),
    ("Capability Information", "Query Capabilities"),
    ("Client Registration Method", "Query Client Registration Methods"),
)
_EXTENSION_FUNCTIONS = ("Query Extension List", "Query Extension Map")


def is_extra_allowed(name, version):
    """An answer with all attributes may have those that the server sets on its own, if
    the version of the protocol has them."""
    return name in _OWN and version >= _OWN[name]


def is_missing_allowed(name, sent_attributes):
    """An answer with all attributes may lack the Object Group when the case has put the
    object into none: whether there is a default group is the policy of a server."""
    return name == "Object Group" and name not in sent_attributes


def attribute_set(path, expected, got, named, version, sent_attributes):
    """Attributes come in any order but each of them once.  If the request names
    attributes, exactly the expected ones come; if it asks for all, the server may have a
    few of its own.  The names are those of the keys (name, index)."""
    for key in sorted({key for key in got if got.count(key) > 1}, key=str):
        yield path + "/" + _key_text(key), "once", "%d times" % got.count(key)
    for key in sorted(set(expected) - set(got), key=str):
        if named or not is_missing_allowed(key[0], sent_attributes):
            yield path + "/" + _key_text(key), "present", "missing"
    for key in sorted(set(got) - set(expected), key=str):
        if named or not is_extra_allowed(key[0], version):
            yield path + "/" + _key_text(key), "absent", "present"


def _key_text(key):
    return "@%s[%s]" % key if key[1] else "@%s" % key[0]


def versions(path, expected, got, asked):
    """The versions a server supports come in descending order.  If the request names
    versions, the answer is exactly the expected ones; if not, the server may have more."""
    if asked and got != expected:
        yield path, _versions_text(expected), _versions_text(got)
    elif not set(expected) <= set(got):
        yield path, "at least " + _versions_text(expected), _versions_text(got)
    elif sorted(set(got), reverse=True) != got:
        yield path, "descending order", _versions_text(got)


def _versions_text(found):
    return ", ".join("%d.%d" % version for version in found) or "none"


def query(path, got, functions, version):
    """What a server offers is its own affair, so the lists of a Query are not compared
    with those of the case.  But they hold only what was asked for, in the order of the
    specification; operations and object types are there, each once and of this protocol
    version, with Query among them; and the vendor says who it is.  Lists of name spaces
    and extensions may be empty, and Server Information may hold anything or be absent."""
    found = [names.tag_name(item.tag) for item in got]
    yield from _query_order(path, found, functions)
    if "Query Operations" in functions:
        yield from _query_operations(path, _numbers(got, "Operation"), version)
    if "Query Objects" in functions:
        last = _LAST_OBJECT_TYPE[version]
        yield from _query_list(path, "Object Type", _numbers(got, "Object Type"), last)
    if "Query Server Information" in functions and found.count("Vendor Identification") != 1:
        count = found.count("Vendor Identification")
        yield path + "/Vendor Identification", "once", "%d times" % count


def _is_asked(name, functions):
    if name == "Extension Information":
        return any(function in functions for function in _EXTENSION_FUNCTIONS)
    return dict(_QUERY_ITEMS).get(name) in functions


def _query_order(path, found, functions):
    order = [name for name, _ in _QUERY_ITEMS]
    for name in sorted(set(found)):
        if not _is_asked(name, functions):
            yield path + "/" + name, "absent", "present"
    known = [order.index(name) for name in found if name in order]
    if known != sorted(known):
        yield path, "the order of the specification", ", ".join(dict.fromkeys(found))


def _numbers(items, name):
    tag = names.tag_number(name)
    return [item.value for item in items if item.tag == tag and item.type == ttlv.ENUMERATION]


def _query_operations(path, found, version):
    yield from _query_list(path, "Operation", found, _LAST_OPERATION[version])
    needed = ["Query"] + (["Discover Versions"] if version >= (1, 1) else [])
    for name in needed:
        if names.enumeration_value("Operation", name) not in found:
            yield path + "/Operation", name, "missing"


def _query_list(path, field, found, last):
    if not found:
        yield path + "/" + field, "a list", "nothing"
    for value in sorted(set(found)):
        text = names.enumeration_name(field, value)
        if found.count(value) > 1:
            yield path + "/" + field, text + " once", "%d times" % found.count(value)
        if not 1 <= value <= last and value < 0x80000000:
            yield path + "/" + field, "a value of this protocol version", text
