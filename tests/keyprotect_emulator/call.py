# SPDX-License-Identifier: Apache-2.0
"""One call of the Key Protect API: what its handler gets, and the shapes of its answers."""

import bodies
from errors import NoAccess, bad_query
from wire import Response, json_response

KEY_COLLECTION = "application/vnd.ibm.kms.key+json"
MAX_LIMIT = 5000


class Call:
    """A request with its caller, its route's parameters and, for calls on a key, the key."""

    __slots__ = ("instance", "caller", "request", "route", "parameters", "ring", "key")

    def __init__(self, instance, caller, request, route, parameters):
        self.instance = instance
        self.caller = caller
        self.request = request
        self.route = route
        self.parameters = parameters
        self.ring = request.headers.get("x-kms-key-ring") or None
        self.key = None

    @property
    def now(self):
        """The time of this cloud."""
        return self.instance.clock.now()

    def find_key(self):
        """Find the key of the path, and check that the caller's roles reach its ring."""
        self.key = self.instance.find(self.parameters["id"], self.ring)
        self.need(self.route.roles, self.key.ring)

    def need(self, roles, ring):
        """Refuse callers that hold none of the roles in the ring."""
        if not self.caller.may(roles, ring):
            raise NoAccess

    def wants_representation(self):
        """Tell whether the client asked for a body."""
        return "return=representation" in self.request.headers.get("prefer", "").replace(" ", "").lower()

    def body(self, allowed):
        """Return the members of a flat body; an empty body has none."""
        value = bodies.object_of(self.request.body)
        return {} if value is None else bodies.members(value, allowed)

    def flag(self, name):
        """Return a boolean query parameter."""
        return self.request.query.get(name, "").lower() in ("true", "1")

    def number(self, name, default, low, high):
        """Return a number of the query."""
        text = self.request.query.get(name)
        if text is None or text == "":
            return default
        if not text.isdigit() or not low <= int(text) <= high:
            if high == MAX_LIMIT:
                raise bad_query(name, "The query_param must be: an integer between %d and %d (inclusive)" % (low, high))
            raise bad_query(name, "The query_param must be: an integer of at least %d" % low)
        return int(text)

    def page(self, default=200):
        """Return (offset, limit) of the query."""
        return self.number("offset", 0, 0, 1 << 31), self.number("limit", default, 1, MAX_LIMIT)


def collection(kind, resources, status=200, total=None):
    """Return a collection as an answer."""
    metadata = {"collectionType": kind, "collectionTotal": len(resources)}
    if total is not None:
        metadata["totalCount"] = total
    return json_response(status, {"metadata": metadata, "resources": resources})


def one_key(call, status=200, payload=None):
    """Return the call's key as an answer."""
    shown = call.instance.key_json(call.key)
    if payload is not None:
        shown["payload"] = payload
    return collection(KEY_COLLECTION, [shown], status)


def done():
    """Return 204."""
    return Response(204)
