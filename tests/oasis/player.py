# SPDX-License-Identifier: Apache-2.0
"""The playing of a case against a server."""

from dataclasses import dataclass, field
import copy
import time

import case as cases
import comparison
import names
import scene as scenes
import ttlv
import wellformed
import wire

_PENDING = 2
_PAUSE = 0.5


@dataclass
class Result:
    """What came of a case: problems are lines for people, none of them is success."""

    name: str
    problems: list = field(default_factory=list)
    exchanges: int = 0
    seconds: float = 0.0


def _operations(message):
    return [scenes.operation_of(item) for item in message.find_all("Batch Item")]


def _is_pending(response):
    return any(item.get("Result Status") == _PENDING for item in response.find_all("Batch Item"))


def is_repetition(before, exchange):
    """Tell whether an exchange is the repetition of the one before with a new outcome.

    Cases write it so when the client has to ask again until a date has passed.  Only
    attributes can be asked for any number of times without consequences.
    """
    return (before is not None and before.request == exchange.request
            and _operations(exchange.request) == ["Get Attributes"]
            and before.response.find_all("Batch Item")
            != exchange.response.find_all("Batch Item"))


def synchronous_answer(exchange, following, got):
    """Return the response expected from a server which does not answer asynchronously.

    The Asynchronous Indicator only permits a pending answer.  A server may as well answer
    at once, with what the case expects from the Poll that follows.  Without such a Poll,
    or when the server does answer pending, this returns None.
    """
    if not _is_pending(exchange.response) or _is_pending(got) or following is None:
        return None
    return following.response if _operations(following.request) == ["Poll"] else None


class Player:
    """Plays cases; `clients` makes the connections and `trace` sees every message."""

    def __init__(self, clients, clock, trace=lambda title, message: None):
        self._clients = clients
        self._clock = clock
        self._trace = trace
        self._scene = None

    def _ask(self, exchange, request):
        self._trace("request %d" % exchange.number, request)
        got = self._clients.ask(exchange.label, request)
        self._trace("response %d" % exchange.number, got)
        return got

    def play(self, case, preparation=None):
        """Play a case and compare every answer; a preparation is played before it."""
        return self._guarded(case, lambda result: self._play(case, preparation, result))

    def survive(self, case):
        """Play a case outside of the server: every answer just has to be well formed."""
        return self._guarded(case, lambda result: self._survive(case, result), leaves=False)

    def _guarded(self, case, act, leaves=True):
        """Run one case with its own connections and time.

        A case that passes may leave objects which another case goes on with; after any
        other there is only debris.
        """
        result, begin = Result(case.name), time.monotonic()
        self._scene = scenes.Scene(self._clock)
        try:
            act(result)
        except (wire.Broken, scenes.Unbound) as error:
            result.problems.append("%s: %s" % (type(error).__name__, error))
        if result.problems or not leaves:
            self._clean_up(case)
        self._clients.close()
        result.seconds = time.monotonic() - begin
        return result

    def _play(self, case, preparation, result):
        if preparation is not None:
            self._play_exchanges(preparation, result, "preparation, ")
            self._scene = scenes.Scene(self._clock)
        self._play_exchanges(case, result, "")

    def _play_exchanges(self, case, result, prefix):
        before, waiting = None, list(case.exchanges)
        while waiting:
            exchange = waiting.pop(0)
            polled = self._play_exchange(exchange, before, waiting, result, prefix)
            if polled:
                waiting.pop(0)
            before = exchange

    def _play_exchange(self, exchange, before, waiting, result, prefix):
        """Play one exchange, and return whether it made the Poll that follows needless."""
        result.exchanges += 1
        request = self._scene.resolve(exchange.request)
        got = self._ask(exchange, request)
        now = synchronous_answer(exchange, waiting[0] if waiting else None, got)
        differences = self._judge(now or exchange.response, got, request)
        if differences and is_repetition(before, exchange):
            differences = self._repeat(exchange)
        where = "%sexchange %d (%s)" % (prefix, exchange.number,
                                        ", ".join(map(str, _operations(exchange.request))))
        result.problems += ["%s: %s" % (where, difference) for difference in differences]
        return now is not None

    def _judge(self, expected, got, request):
        """Return what is wrong with an answer: its form, or else what it says."""
        problems = list(wellformed.problems(request, got))
        if problems:
            return problems
        self._scene.learn(got)
        return comparison.compare(expected, got, request, self._scene)

    def _repeat(self, exchange):
        """Ask again until the answer is as expected or the patience is at its end."""
        end = time.monotonic() + self._clock.patience()
        differences = True
        while differences and time.monotonic() < end:
            time.sleep(_PAUSE)
            request = self._scene.resolve(exchange.request)
            got = self._ask(exchange, request)
            differences = self._judge(exchange.response, got, request)
        return differences

    def _survive(self, case, result):
        for exchange in case.exchanges:
            if exchange.label == cases.SERVER_LABEL:
                continue
            result.exchanges += 1
            request = self._scene.resolve(exchange.request, lenient=True)
            got = self._ask(exchange, request)
            result.problems += ["exchange %d: %s" % (exchange.number, problem)
                                for problem in wellformed.problems(request, got)]
            # The contents are judged only for the variables which this binds on its way.
            self._judge(exchange.response, got, request)

    def _clean_up(self, case):
        """Destroy what a case has left behind, so that its names are free for others.

        Nobody minds the answers: most of the objects are in a state in which some of these
        operations fail.
        """
        first = case.exchanges[0]
        header = copy.deepcopy(first.request.find("Request Header"))
        for identifier in self._scene.created:
            for operation in ("Recover", "Revoke", "Destroy"):
                request = _simple_request(header, operation, identifier)
                try:
                    self._ask(cases.Exchange(0, request, request, first.label), request)
                except wire.Broken:
                    return


def _item(name, kind, value):
    return ttlv.Item(names.tag_number(name), kind, value)


def _simple_request(header, operation, identifier):
    """Return a request of one operation on one object, with the header of another."""
    kept = [child for child in header.value if child.tag in (
        names.tag_number("Protocol Version"), names.tag_number("Authentication"))]
    payload = [_item("Unique Identifier", ttlv.TEXT_STRING, identifier)]
    if operation == "Revoke":
        code = _item("Revocation Reason Code", ttlv.ENUMERATION, 1)
        payload.append(_item("Revocation Reason", ttlv.STRUCTURE, [code]))
    number = names.enumeration_value("Operation", operation)
    return _item("Request Message", ttlv.STRUCTURE, [
        _item("Request Header", ttlv.STRUCTURE, kept + [_item("Batch Count", ttlv.INTEGER, 1)]),
        _item("Batch Item", ttlv.STRUCTURE, [
            _item("Operation", ttlv.ENUMERATION, number),
            _item("Request Payload", ttlv.STRUCTURE, payload)])])
