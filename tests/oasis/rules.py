# SPDX-License-Identifier: Apache-2.0
"""The rules by which one value of an answer is compared with the expected one.

Every rule looks at the value of one field.  It says True or False when it is about that
field, and None when it is not; the first rule that says anything decides.
"""

from dataclasses import dataclass

import case as cases
import ttlv


@dataclass
class Value:
    """A value to compare: expected and got, its field, and whose payload it stands in."""

    field: str
    expected: object
    got: object
    type: int
    identifier: object = None

    def is_literal(self):
        """Tell whether the test case gives a plain value here and not an expression."""
        return not isinstance(self.expected, (cases.Variable, cases.Moment))


_FREE = ("Time Stamp", "Result Message", "Vendor Identification", "Lease Time")
_NONCES = ("Nonce ID", "Nonce Value", "IV/Counter/Nonce")
_SECRETS = ("Key", "Key Material", "Key Value", "Digest Value")


def free(value, _scene):
    """The server words or chooses these itself: Time Stamp, Result Message,
    Vendor Identification, and the length of a lease."""
    return True if value.field in _FREE else None


def variable(value, scene):
    """A $VARIABLE takes the first value it meets and means that value from then on.
    Two variables never mean the same value, as objects do not share an identifier."""
    if not isinstance(value.expected, cases.Variable):
        return None
    name = value.expected.name
    if name not in scene.variables:
        if value.got in scene.variables.values() or not value.got:
            return False
        scene.variables[name] = value.got
    return scene.variables[name] == value.got


def moment(value, scene):
    """A $NOW date that the request of this exchange sends comes back exactly; any other
    may differ by the seconds that the messages need."""
    if not isinstance(value.expected, cases.Moment):
        return None
    sent = scene.sent_moments.get((value.field, value.expected))
    if sent is not None:
        return value.got == sent
    return scene.clock.is_moment(value.got, value.expected)


def date(value, scene):
    """A date which the case has sent for this field comes back as it was sent.  Any
    other is set by the server, and so lies between the start of the run and now; only a
    custom attribute may have been sent by an earlier case of the same story."""
    if value.type != ttlv.DATE_TIME or not value.is_literal():
        return None
    if (value.field, value.expected) in scene.sent_dates:
        return value.got == value.expected
    if value.field.startswith("x-") and value.got == value.expected:
        return True
    return scene.clock.is_since_start(value.got)


def nonce(value, _scene):
    """A nonce is random; only its length is known."""
    if value.field not in _NONCES or not value.is_literal():
        return None
    return len(value.got) == len(value.expected)


def secret(value, scene):
    """Key material and digest of an object which the case has registered are known, and
    so is its wrapped form.  Those of a key which the server generated have the expected
    length; where the case expects the same bytes again, the server must repeat them."""
    if value.field not in _SECRETS or value.type != ttlv.BYTE_STRING:
        return None
    if not value.is_literal() or value.identifier in scene.registered:
        return None
    known = scene.stand_ins.setdefault((value.field, value.expected), value.got)
    return len(value.got) == len(value.expected) and value.got == known


def equal(value, _scene):
    """Everything else is equal."""
    return value.got == value.expected


# The free fields come first, as the cases give dates and expressions for some of them.
RULES = (free, variable, moment, date, nonce, secret, equal)


def same(value, scene):
    """Tell whether a value is as expected by the first rule that is about it."""
    verdicts = (rule(value, scene) for rule in RULES)
    return next(verdict for verdict in verdicts if verdict is not None)
