#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Replay OASIS KMIP test cases against a server.

Reads the XML test cases of the given folders, sends their requests over TLS with a
client certificate, and compares the answers with the expected ones by the rules in
rules.py, lists.py and comparison.py.  Cases listed in the table of refusals are outside
of the server on purpose and are skipped; with --refused they are sent all the same, to
see that the server answers every message in proper form.

The server should have no objects from before: the cases use the same names every time.
"""

import argparse
import pathlib
import sys

import case as cases
import clock as clocks
import errata
import player as players
import table
import ttlv
import wire

_HERE = pathlib.Path(__file__).resolve().parent


def _pair(text):
    """Return the parts of HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError("%r is not HOST:PORT" % text)
    return host.strip("[]"), int(port)


def _identity(text):
    """Return the parts of NAME=CERT,KEY."""
    name, equals, files = text.partition("=")
    certificate, comma, key = files.partition(",")
    if not (name and equals and certificate and comma and key):
        raise argparse.ArgumentTypeError("%r is not NAME=CERT,KEY" % text)
    return name, certificate, key


def _arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add = parser.add_argument
    add("folders", nargs="+", metavar="FOLDER", help="folder with test cases as *.xml")
    add("--connect", type=_pair, required=True, metavar="HOST:PORT")
    add("--cert", required=True, help="client certificate, PEM")
    add("--key", required=True, help="key of the client certificate, PEM")
    add("--ca", help="certificate to verify the server with; not verified without it")
    add("--identity", type=_identity, action="append", default=[], metavar="NAME=CERT,KEY",
        help="other certificate for messages with this user or device in their credential")
    add("--case", default="", metavar="SUBSTRING", help="only cases with this in their name")
    add("--refusals", default=_HERE / "refusals.txt", help="table of cases not supported")
    add("--errata", default=_HERE / "errata.txt", help="table of corrections to the cases")
    add("--preparations", default=_HERE / "preparations",
        help="folder with exchanges to play before the cases of the same name")
    add("--refused", action="store_true", help="send refused cases too")
    add("--near", type=int, default=12, metavar="SECONDS",
        help="what $NOW+120 is shortened to (default 12)")
    add("--tolerance", type=int, default=5, metavar="SECONDS",
        help="how far dates near now may be off (default 5)")
    add("--timeout", type=float, default=30, metavar="SECONDS", help="for each answer")
    add("-v", "--verbose", action="store_true", help="show all messages")
    return parser.parse_args(argv)


def _show(title, message):
    print("    --", title)
    for line in ttlv.lines(message):
        print("       " + line)


class Tally:
    """The counts of the results, over all folders."""

    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []

    def counts(self):
        """Return how many cases have passed, failed and been skipped so far."""
        return len(self.passed), len(self.failed), len(self.skipped)


def _counts_text(counts):
    return "%d passed, %d failed, %d skipped" % tuple(counts)


class Replay:
    """One run over folders of cases."""

    def __init__(self, player, refusals, corrections, preparations, with_refused):
        self._player = player
        self._refusals = refusals
        self._corrections = corrections
        self._preparations = preparations
        self._with_refused = with_refused
        self.tally = Tally()

    def _preparation(self, case):
        """Return the preparation whose name the name of the case begins with, if any."""
        fitting = (made for made in self._preparations if case.name.startswith(made.name))
        return next(fitting, None)

    def folder(self, folder, substring):
        """Play the cases of a folder in the order of their names.

        The order matters, as a few cases go on where another one has ended.
        """
        print("\n%s" % folder)
        before = self.tally.counts()
        for path in sorted(pathlib.Path(folder).glob("*.xml")):
            if substring in path.stem:
                self._file(path)
        here = [after - then for after, then in zip(self.tally.counts(), before)]
        print("  in this folder: %s" % _counts_text(here))

    def _file(self, path):
        try:
            case = cases.read_case(path)
            reasons = errata.apply(self._corrections, case)
        except (cases.BadCase, errata.UselessErratum) as error:
            return self._failed(path.stem, ["unreadable: %s" % error])
        reason = table.reason(self._refusals, case)
        if reason is not None:
            return self._refuse(case, reason)
        result = self._player.play(case, self._preparation(case))
        self._judge(case, result)
        for text in reasons:
            print("          case corrected: %s" % text)
        return None

    def _judge(self, case, result):
        if result.problems:
            return self._failed(case.name, result.problems, _timing(result))
        self.tally.passed.append(case.name)
        return print("  passed  %s%s" % (case.name, _timing(result)))

    def _failed(self, name, problems, note=""):
        self.tally.failed.append(name)
        print("  FAILED  %s%s" % (name, note))
        for problem in problems:
            print("          %s" % problem)

    def _refuse(self, case, reason):
        """Skip a refused case, or see whether the server survives it."""
        result = self._player.survive(case) if self._with_refused else players.Result(case.name)
        if result.problems:
            return self._failed(case.name, ["refused: " + reason] + result.problems)
        self.tally.skipped.append(case.name)
        note = _timing(result) if self._with_refused else ""
        return print("  skipped %s: %s%s" % (case.name, reason, note))


def _timing(result):
    return " (%d exchanges, %.1f s)" % (result.exchanges, result.seconds)


def _clients(arguments):
    identities = {name: wire.context(certificate, key, arguments.ca)
                  for name, certificate, key in arguments.identity}
    tls = wire.context(arguments.cert, arguments.key, arguments.ca)
    return wire.Clients(arguments.connect, tls, identities, arguments.timeout)


def _replay(arguments):
    clock = clocks.Clock(arguments.near, arguments.tolerance)
    trace = _show if arguments.verbose else lambda title, message: None
    player = players.Player(_clients(arguments), clock, trace)
    preparations = [cases.read_case(path)
                    for path in sorted(pathlib.Path(arguments.preparations).glob("*.xml"))]
    return Replay(player, table.read_table(arguments.refusals, 1),
                  table.read_table(arguments.errata, errata.WIDTH),
                  preparations, arguments.refused)


def main(argv=None):
    """Run the replayer and return its exit code."""
    arguments = _arguments(argv)
    replay = _replay(arguments)
    for folder in arguments.folders:
        replay.folder(folder, arguments.case)
    tally = replay.tally
    if tally.failed:
        print("\nFailed cases:\n  " + "\n  ".join(tally.failed))
    print("\n" + _counts_text(tally.counts()))
    if not any(tally.counts()):
        return 2
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
