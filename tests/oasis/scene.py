# SPDX-License-Identifier: Apache-2.0
"""What is known in the course of one test case: variables, and what was sent so far."""

import case as cases
import names
import ttlv

_MAKING = ("Create", "Re-key", "Register")


class Unbound(Exception):
    """A request refers to a value that no answer has given yet."""


def operation_of(batch_item):
    """Return the name of the operation of a batch item, or None."""
    value = batch_item.get("Operation")
    return None if value is None else names.enumeration_name("Operation", value)


def is_success(batch_item):
    """Tell whether the answer to a batch item is Success."""
    return batch_item.get("Result Status") == 0


class Scene:
    """The state of a case while it is played."""

    def __init__(self, clock):
        self.clock = clock
        self.variables = {}
        self.registered = set()
        self.created = []
        self.sent_attributes = set()
        self.sent_dates = set()
        self.sent_moments = {}
        self.stand_ins = {}

    def resolve(self, request, lenient=False):
        """Return the request with plain values, and remember what it sends.

        A lenient scene invents the values that are not known, for requests of which only
        the reaction of the server is of interest.
        """
        self.sent_moments = {}
        return self._resolve(request, None, lenient)

    def _resolve(self, item, attribute_name, lenient):
        if item.type == ttlv.STRUCTURE:
            name = ttlv.attribute_name_of(item)
            if name:
                self.sent_attributes.add(name)
            inner = [self._resolve(child, name, lenient) for child in item.value]
            return ttlv.Item(item.tag, item.type, inner)
        value = self._value(item, ttlv.field_of(item, attribute_name), lenient)
        return ttlv.Item(item.tag, item.type, value)

    def _value(self, item, field, lenient):
        value = item.value
        if isinstance(value, cases.Moment):
            seconds = self.sent_moments.setdefault((field, value), self.clock.date(value))
            return seconds
        if isinstance(value, cases.Variable):
            return self._variable(value, item.type, lenient)
        if item.type == ttlv.DATE_TIME:
            self.sent_dates.add((field, value))
        return value

    def _variable(self, variable, kind, lenient):
        if variable.name in self.variables:
            return self.variables[variable.name]
        if not lenient:
            raise Unbound(str(variable))
        return b"\0" * 8 if kind == ttlv.BYTE_STRING else str(variable)

    def learn(self, response):
        """Remember which objects an answer says were made, and the time it was given."""
        header = response.find("Response Header")
        time_stamp = header.get("Time Stamp") if header else None
        if isinstance(time_stamp, int):
            self.clock.observe(time_stamp)
        for batch_item in response.find_all("Batch Item"):
            self._learn_object(batch_item)

    def _learn_object(self, batch_item):
        operation = operation_of(batch_item)
        payload = batch_item.find("Response Payload")
        if operation not in _MAKING or not is_success(batch_item) or payload is None:
            return
        identifier = payload.get("Unique Identifier")
        if not isinstance(identifier, str):
            return
        self.created.append(identifier)
        if operation == "Register":
            self.registered.add(identifier)
