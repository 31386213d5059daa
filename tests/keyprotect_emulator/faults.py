# SPDX-License-Identifier: Apache-2.0
"""Faults: what goes wrong, for which requests, and how often."""

import asyncio
import base64
import json
import os
import re

from errors import NO_ACCESS, PHRASES, TABLE, error_body, plain_error_body
from iam import iam_error
from wire import Response

MATCH = {"method", "path", "body", "query", "api_key"}
ACTIONS = {"status", "code", "message", "body", "headers", "retry_after", "after_effect", "delay", "delay_after",
           "hang", "reset", "close", "truncate", "oversize_mb", "broken_json", "not_json", "wrong_plaintext",
           "chunked", "set_json"}


class Fault:
    """One fault of the list."""

    def __init__(self, number, wanted):
        match, action = wanted.get("match", {}), wanted.get("action", {})
        for given, known in ((wanted, {"match", "action", "count", "skip"}), (match, MATCH), (action, ACTIONS)):
            unknown = set(given) - known
            if unknown:
                raise ValueError("unknown: %s; known: %s" % (", ".join(sorted(unknown)), ", ".join(sorted(known))))
        if not action:
            raise ValueError("a fault needs an action")
        self.number = number
        self.action = action
        self.left = wanted.get("count")
        self.skip = wanted.get("skip", 0)
        self.hits = 0
        self._match = match
        self._path = re.compile(match.get("path", ""))

    def takes(self, request, api_key_name):
        """Tell whether this request gets the fault, and count it."""
        match = self._match
        if (match.get("method", request.method) != request.method
                or not self._path.search(request.path)
                or match.get("body", "").encode() not in request.body
                or match.get("query", "") not in request.target.partition("?")[2]
                or match.get("api_key", api_key_name) != api_key_name
                or self.left == 0):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        self.hits += 1
        return True

    def as_json(self):
        """Return what the control port shows."""
        return {"id": self.number, "match": self._match, "action": self.action, "left": self.left, "skip": self.skip,
                "hits": self.hits}


class Faults:
    """The list; the first fault that matches a request is the one it gets."""

    def __init__(self):
        self._next = 1
        self.all = []

    def add(self, wanted):
        """Add a fault from its JSON form."""
        fault = Fault(self._next, wanted)
        self._next += 1
        self.all.append(fault)
        return fault

    def remove(self, number=None):
        """Remove one fault or all; return how many there were."""
        before = len(self.all)
        self.all = [fault for fault in self.all if number is not None and fault.number != number]
        return before - len(self.all)

    def pick(self, request, api_key_name):
        """Return the action for this request, or None."""
        for fault in self.all:
            if fault.takes(request, api_key_name):
                return fault.action
        return None


def fault_status(action, request, what):
    """Return the answer of a fault that gives a status."""
    status, code = action["status"], action.get("code")
    headers = dict(action.get("headers", {}))
    if "retry_after" in action:
        headers["Retry-After"] = str(action["retry_after"])
    if "body" in action:
        body = action["body"]
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    elif request.path in ("/identity/token", "/oidc/token"):
        text = action.get("message", PHRASES.get(status, "Error"))
        data = json.dumps(iam_error((code or "BXNIM0000E", text))).encode()
    elif status == 401 and not code:
        data = plain_error_body(NO_ACCESS)
    elif code:
        message = action.get("message", TABLE.get(code, (status, PHRASES.get(status, "Error")))[1])
        data = error_body(status, code, message, what)
    else:
        data = plain_error_body(action.get("message", PHRASES.get(status, "Error")))
    return Response(status, data, headers=headers)


def wrong_plaintext(data):
    """Return a body whose plaintext is other bytes of the same length."""
    try:
        value = json.loads(data)
        length = len(base64.b64decode(value["plaintext"]))
    except (ValueError, KeyError, TypeError):
        return data
    value["plaintext"] = base64.b64encode(os.urandom(length)).decode()
    return json.dumps(value, separators=(",", ":")).encode()


def set_members(data, changes):
    """Return a body with some top members, or members of its first resource, set; null removes."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    inner = value["resources"][0] if value.get("resources") else value
    for name, content in changes.items():
        if content is None:
            inner.pop(name, None)
        else:
            inner[name] = content
    return json.dumps(value, separators=(",", ":")).encode()


def spoil(action, response):
    """Change the body of an answer as the fault says."""
    if action.get("wrong_plaintext"):
        response.body = wrong_plaintext(response.body)
    if "set_json" in action:
        response.body = set_members(response.body, action["set_json"])
    if action.get("broken_json"):
        response.body = response.body[:-1] + b",,}" if response.body else b'{"metadata":'
    if action.get("not_json"):
        response.body = b"<html><body><h1>502 Bad Gateway</h1></body></html>\n"
        response.content_type = "text/html"
    if "oversize_mb" in action:
        response.body = b'{"filler":"' + b"x" * int(action["oversize_mb"] * 1024 * 1024) + b'"}'
    return response


async def serve(action, request, connection, answer, send, what):
    """Serve one request with a fault: `answer()` takes effect, `send(response)` writes it."""
    if action.get("hang"):
        return
    if action.get("delay"):
        await asyncio.sleep(action["delay"])
    if action.get("reset") == "before":
        connection.drop()
        return
    if action.get("close") == "before":
        connection.stop()
        return
    has_status = "status" in action
    response = None
    if not has_status or action.get("after_effect"):
        response = answer()
    if has_status:
        response = fault_status(action, request, what)
    response = spoil(action, response)
    if action.get("delay_after"):
        await asyncio.sleep(action["delay_after"])
    if action.get("reset") == "after":
        connection.drop()
    elif action.get("close") == "after":
        connection.stop()
    elif "truncate" in action:
        head = response.head(len(response.body), True, None)
        connection.send_raw(head + response.body[:action["truncate"]], False)
    else:
        send(response, chunked=action.get("chunked", False))
