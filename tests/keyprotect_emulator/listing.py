# SPDX-License-Identifier: Apache-2.0
"""GET and HEAD /keys: which keys are listed, in which order, and which page of them."""

import re
import time

import bodies
import instance as rules
from call import KEY_COLLECTION, collection
from errors import Refusal, bad_query
from iam import READ
from wire import Response, json_response

DEFAULT_STATES = frozenset((rules.ACTIVE, rules.SUSPENDED, rules.DEACTIVATED))
TOO_MANY_TO_SEARCH = 5000
FILTER_TERM = re.compile(r'\s*([A-Za-z]+)=("[^"]*"|\S+)')
DATES = {"creationDate": "created", "deletionDate": "deleted_at", "expirationDate": "expires",
         "lastRotateDate": "rotated", "lastUpdateDate": "updated"}
SORT_KEYS = dict(DATES, id="id", name="name", state="stored_state", extractable="extractable", imported="imported")
COMPARISONS = {"gt": lambda one, other: one > other, "gte": lambda one, other: one >= other,
               "lt": lambda one, other: one < other, "lte": lambda one, other: one <= other}


def truth(text, name):
    """Return a boolean of the query; Python's clients write True."""
    if text.lower() not in ("true", "false"):
        raise bad_query(name, "The query_param must be: true or false")
    return text.lower() == "true"


def states_of(text, name="state"):
    """Return the states of a list such as 1,2,5."""
    words = [word for word in text.split(",") if word.strip()]
    if not words or not all(word.strip().isdigit() for word in words):
        raise bad_query(name, "The query_param must be: a list of states 0, 1, 2, 3, 5")
    return frozenset(int(word) for word in words)


class Search:
    """The query parameter search: prefixes, then text that a name or an alias holds."""

    def __init__(self, text):
        self.negated = self.exact = self.only_alias = self.only_name = False
        prefixes = {"not": "negated", "exact": "exact", "alias": "only_alias", "name": "only_name"}
        while True:
            word, colon, rest = text.partition(":")
            if colon and word.lower() == "escape":
                text = rest
                break
            if not colon or word.lower() not in prefixes:
                break
            setattr(self, prefixes[word.lower()], True)
            text = rest
        self.text = (text[:-1] if text.endswith(",") else text).lower()

    def takes(self, key):
        """Tell whether a key is found."""
        words = []
        if self.only_name or not self.only_alias:
            words.append(key.name.lower())
        if self.only_alias or not self.only_name:
            words += [alias.lower() for alias in key.aliases]
        found = any(word == self.text if self.exact else self.text in word for word in words)
        return found != self.negated


def filter_term(name, text):
    """Return a test (key, now) -> bool for one term of the query parameter filter."""
    text = text.strip('"')
    if name == "state":
        wanted = states_of(text, "filter")
        return lambda key, now: key.state(now) in wanted
    if name == "extractable":
        value = truth(text, "filter")
        return lambda key, now: key.extractable == value
    if name not in DATES:
        raise bad_query("filter", "The query_param must be: a filter on state, extractable or a date")
    attribute = DATES[name]
    if text == "none":
        return lambda key, now: getattr(key, attribute) is None
    operator, colon, date = text.partition(":")
    date = date.strip('"')
    try:
        compare = COMPARISONS[operator]
        limit = bodies.seconds_of(date, "filter")
    except (KeyError, Refusal):
        raise bad_query("filter", "The query_param must be: gt:, gte:, lt: or lte: and a date") from None

    def term(key, now):
        # Dates are shown in whole seconds, and so they are compared.
        value = getattr(key, attribute)
        return value is not None and compare(int(value), limit)

    return term


def filter_terms(text):
    """Return the tests of the query parameter filter."""
    terms, at, text = [], 0, re.sub(r'((?:gt|gte|lt|lte):)"([^"]*)"', r"\1\2", text).strip()
    while at < len(text):
        found = FILTER_TERM.match(text, at)
        if not found:
            raise bad_query("filter", "The query_param must be: name=value, separated by spaces")
        terms.append(filter_term(found[1], found[2]))
        at = found.end()
    return terms


def is_listed(key, caller, ring, listed_until):
    """Tell whether a caller sees this key in lists at all."""
    return (caller.may(READ, key.ring) and (ring is None or key.ring == ring) and key.listed_from <= listed_until)


def matching(call):
    """Return all keys that the query asks for, in its order."""
    home, query, now = call.instance, call.request.query, call.now
    for key in [key for key in home.keys.values() if key.deleted_at is not None]:
        home.sweep(key)
    listed_until = time.monotonic()
    keys = [key for key in home.keys.values() if is_listed(key, call.caller, call.ring, listed_until)]
    terms = filter_terms(query.get("filter", ""))
    if query.get("search"):
        if len(home.keys) > TOO_MANY_TO_SEARCH:
            raise Refusal("KEY_SEARCH_TOO_BROAD")
        search = Search(query["search"])
        keys = [key for key in keys if search.takes(key)]
    if query.get("extractable"):
        wanted = truth(query["extractable"], "extractable")
        keys = [key for key in keys if key.extractable == wanted]
    if query.get("state"):
        states = states_of(query["state"])
    else:
        states = None if "state=" in query.get("filter", "") else DEFAULT_STATES
    keys = [key for key in keys if (states is None or key.state(now) in states)
            and all(term(key, now) for term in terms)]
    return sort(keys, query.get("sort") or "id")


def sort(keys, order):
    """Return the keys in the order of the query parameter sort."""
    keys = sorted(keys, key=lambda key: key.id)
    for name in reversed([name.strip() for name in order.split(",") if name.strip()]):
        backwards, name = name.startswith("-"), name.lstrip("-")
        if name not in SORT_KEYS:
            raise bad_query("sort", "The query_param must be: one of " + ", ".join(sorted(SORT_KEYS)))
        attribute = SORT_KEYS[name]

        def rank(key, attribute=attribute):
            value = getattr(key, attribute)
            return (value is not None, value if value is not None else 0)

        keys.sort(key=rank, reverse=backwards)
    return keys


def list_keys(call):
    """GET /keys."""
    if not call.caller.has_role(READ):
        return json_response(200, {"metadata": {"collectionType": KEY_COLLECTION, "collectionTotal": 0}})
    offset, limit = call.page()
    keys = matching(call)[offset:offset + limit]
    return collection(KEY_COLLECTION, [call.instance.key_json(key) for key in keys])


def count_keys(call):
    """HEAD /keys."""
    total = len(matching(call)) if call.caller.has_role(READ) else 0
    return Response(200, headers={"Key-Total": str(total)})
