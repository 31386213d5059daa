# SPDX-License-Identifier: Apache-2.0
"""The form that every answer of a server has, whatever it says."""

import names
import ttlv

_FAILED = 1

# The types of the items which the replayer looks into.
_TYPES = {
    "Response Header": ttlv.STRUCTURE, "Protocol Version": ttlv.STRUCTURE,
    "Protocol Version Major": ttlv.INTEGER, "Protocol Version Minor": ttlv.INTEGER,
    "Time Stamp": ttlv.DATE_TIME, "Batch Count": ttlv.INTEGER, "Batch Item": ttlv.STRUCTURE,
    "Operation": ttlv.ENUMERATION, "Result Status": ttlv.ENUMERATION,
    "Result Reason": ttlv.ENUMERATION, "Result Message": ttlv.TEXT_STRING,
    "Response Payload": ttlv.STRUCTURE, "Unique Identifier": ttlv.TEXT_STRING,
    "Attribute": ttlv.STRUCTURE, "Attribute Name": ttlv.TEXT_STRING,
    "Attribute Index": ttlv.INTEGER,
}


# What some structures never lack.
_PARTS = {
    "Protocol Version": ("Protocol Version Major", "Protocol Version Minor"),
    "Attribute": ("Attribute Name",),
}


def _item_form_problems(item):
    name = names.tag_name(item.tag)
    if item.type != _TYPES.get(name, item.type):
        yield "%s is a %s" % (name, ttlv.TYPE_NAMES[item.type])
    for part in _PARTS.get(name, ()):
        if item.find(part) is None:
            yield "%s without %s" % (name, part)


def _header_problems(response):
    header = response.find("Response Header")
    if header is None:
        yield "no Response Header"
        return
    for name in ("Protocol Version", "Time Stamp", "Batch Count"):
        if header.find(name) is None:
            yield "no %s in the header" % name
    if header.get("Batch Count") != len(response.find_all("Batch Item")):
        yield "the Batch Count is not the number of batch items"


def _item_problems(batch_item):
    status = batch_item.get("Result Status")
    if status is None:
        yield "a batch item without Result Status"
    if status == _FAILED and batch_item.find("Result Reason") is None:
        yield "a failed batch item without Result Reason"


def problems(request, response):
    """Yield what is wrong with the form of an answer.

    A server may stop at the first batch item that fails, so there may be fewer answers
    than requests, but at least one and never more.
    """
    if response.tag != names.tag_number("Response Message"):
        yield "the answer is a %s" % names.tag_name(response.tag)
        return
    if response.type != ttlv.STRUCTURE:
        yield "the answer is not a structure"
        return
    wrong = [problem for item in response.walk() for problem in _item_form_problems(item)]
    if wrong:
        yield from wrong
        return
    yield from _header_problems(response)
    answers = response.find_all("Batch Item")
    if not 1 <= len(answers) <= len(request.find_all("Batch Item")):
        yield "%d answers" % len(answers)
    for batch_item in answers:
        yield from _item_problems(batch_item)
