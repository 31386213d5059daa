# SPDX-License-Identifier: Apache-2.0
"""The requests of vCenter, byte for byte: KMIP 1.1, no field but those that were seen."""

import client
from client import item, message, text, uid_field

PRODUCT = (("x-Product_Version", "8.0.1 build-21560480"), ("x-Vendor", "VMware, Inc."),
           ("x-Product", "VMware vSphere"))

# As captured from vCenter; everything below is checked against these two.
DISCOVER_CONNECT = bytes.fromhex(
    "42007801000000604200770100000038420069010000002042006a0200000004000000010000000042006b0200000004"
    "000000010000000042000d0200000004000000010000000042000f010000001842005c05000000040000001e00000000"
    "4200790100000000")
DISCOVER_PING = bytes.fromhex(
    "42007801000000704200770100000038420069010000002042006a0200000004000000010000000042006b0200000004"
    "000000010000000042000d0200000004000000010000000042000f010000002842005c05000000040000001e00000000"
    "4200930800000008514c4b43010000004200790100000000")


def encoded(*items, authentication=None):
    """The bytes of a request."""
    return client.ttlv.encode(message(*items, authentication=authentication))


def discover():
    """The first request of every connection, without an ID."""
    return encoded(item(client.DISCOVER_VERSIONS, number=0))


def ping():
    """The same with an ID."""
    return encoded(item(client.DISCOVER_VERSIONS))


def query():
    """Server Information, asked once while trust is set up."""
    return encoded(item(client.QUERY, client.enumeration("Query Function", 3)))


def create(authentication=None):
    """AES 256 for Encrypt and Decrypt, no Name."""
    return encoded(item(client.CREATE, *client.create_payload()), authentication=authentication)


def get(uid, authentication=None):
    """Nothing but the Unique Identifier."""
    return encoded(item(client.GET, uid_field(uid)), authentication=authentication)


def get_attribute(uid, name, authentication=None):
    """One Attribute Name."""
    return encoded(item(client.GET_ATTRIBUTES, uid_field(uid), text("Attribute Name", name)),
                   authentication=authentication)


def activate(uid, authentication=None):
    """Nothing but the Unique Identifier."""
    return encoded(item(client.ACTIVATE, uid_field(uid)), authentication=authentication)


def add_attributes(uid, pairs):
    """Custom attributes, one batch item each."""
    return encoded(*(item(client.ADD_ATTRIBUTE, uid_field(uid), client.attribute(name, text, value), number=i + 1)
                     for i, (name, value) in enumerate(pairs)))


def owner(identifier, component, name):
    """What vCenter notes about who uses a key."""
    return (("x-Identifier", identifier), ("x-Component", component), ("x-Name", name))


def all_requests(uid, authentication=None):
    """One of each, by name."""
    return {
        "discover": discover(), "ping": ping(), "query": query(), "create": create(authentication),
        "get": get(uid, authentication), "state": get_attribute(uid, "State", authentication),
        "activate": activate(uid, authentication), "custom": get_attribute(uid, "x-Product_Version"),
        "add": add_attributes(uid, PRODUCT),
    }
