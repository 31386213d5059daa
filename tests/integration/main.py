# SPDX-License-Identifier: Apache-2.0
"""Runs the integration tests: a line for each, and the count as the last line."""

import signal
import sys
import time
import traceback
import unittest
import warnings

import world

# In this order: what a user meets first comes first.
MODULES = ("test_command_line", "test_vcenter", "test_identity", "test_tls", "test_hostile", "test_limits",
           "test_secrets", "test_certificates", "test_sealed", "test_pykmip", "test_durability", "test_trouble", "test_slow_disk")
# Seconds; a run that hangs is stopped with a trace of where it stands.
LONGEST_RUN = 600


def tests_of(suite):
    """Yield the single tests of a suite."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def short_name(test):
    """Return module.Class.method without what all have in common."""
    return test.id().replace("test_", "")


class Report(unittest.TestResult):
    """Prints a line for each test when it ends."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0
        self._started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _line(self, word, test, text=""):
        took = time.monotonic() - self._started if self._started else 0.0
        print("%-7s %-78s %6.2f s%s" % (word, short_name(test), took, "  " + text if text else ""), flush=True)

    def _fail(self, test, error):
        self.failed += 1
        self._line("FAILED", test)
        print("".join(traceback.format_exception(*error)), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._line("ok", test)

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._fail(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("skipped", test, reason)


class Stopped(KeyboardInterrupt):
    """Ends the run; any other exception would only end one test."""


def on_signal(number, _frame):
    """A run that hangs, or that somebody stops, must not leave a server behind."""
    raise Stopped("the tests hang" if number == signal.SIGALRM else "stopped")


def main(wanted):
    """Run the tests whose names hold one of the words, or all."""
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.alarm(LONGEST_RUN)
    warnings.simplefilter("ignore")
    loader, report = unittest.TestLoader(), Report()
    suite = unittest.TestSuite()
    for group in (loader.loadTestsFromName(name) for name in MODULES):
        suite.addTests(test for test in tests_of(group)
                       if not wanted or any(word in test.id() or word in short_name(test) for word in wanted))
    try:
        suite.run(report)
    except KeyboardInterrupt:
        traceback.print_exc(file=sys.stdout)
        report.failed += 1
    finally:
        world.tear_down()
    if report.failed == 0 and report.passed == 0:
        report.failed = 1
        print("no test has this name")
    skipped = ", %d skipped" % len(report.skipped) if report.skipped else ""
    print("%d passed, %d failed%s" % (report.passed, report.failed, skipped))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
