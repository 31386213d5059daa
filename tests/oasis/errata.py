# SPDX-License-Identifier: Apache-2.0
"""Corrections of test cases which contradict the specification or themselves.

The table has the columns: cases | message | field | value | reason.  The message is
`request N` or `response N`, counted from 1; the field is a tag or attribute name, and
every such field of the message gets the value.
"""

import case as cases
import ttlv

WIDTH = 4


class UselessErratum(Exception):
    """A correction selects a case but finds nothing to correct in it."""


def _fields(item, attribute_name=None):
    """Yield every leaf inside an item together with the name of its field."""
    if item.type != ttlv.STRUCTURE:
        yield ttlv.field_of(item, attribute_name), item
    name = ttlv.attribute_name_of(item)
    for child in item.children():
        yield from _fields(child, name)


def _message(case, which):
    side, number = which.split()
    exchange = case.exchanges[int(number) - 1]
    return exchange.request if side == "request" else exchange.response


def _correct(case, which, field, value):
    leaves = [leaf for name, leaf in _fields(_message(case, which)) if name == field]
    if not leaves:
        raise UselessErratum("%s: no %s in %s" % (case.name, field, which))
    for leaf in leaves:
        leaf.value = cases.parse_value(leaf.type, value, field)


def apply(rows, case):
    """Correct the case, and return the reasons for it without repetitions."""
    reasons = []
    for row in rows:
        if row.selects(case):
            which, field, value, reason = row.columns
            _correct(case, which, field, value)
            if reason not in reasons:
                reasons.append(reason)
    return reasons
