# SPDX-License-Identifier: Apache-2.0
"""Runs the emulator's own tests: a line for each that fails, and the count as the last line."""

import signal
import sys
import traceback
import unittest

import cloud

MODULES = ("test_keys", "test_lists", "test_actions", "test_errors",
           "test_policies", "test_home", "test_iam", "test_roles",
           "test_faults", "test_network", "test_control", "test_hpcs", "test_clients")
# Seconds; a run that hangs is stopped.
LONGEST_RUN = 240


def tests_of(suite):
    """Yield the single tests of a suite."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


class Report(unittest.TestResult):
    """Prints what happens and counts."""

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0

    def _fail(self, test, error):
        self.failed += 1
        print("FAILED  %s\n%s" % (test.id(), "".join(traceback.format_exception(*error))), flush=True)

    def addSuccess(self, test):
        self.passed += 1
        print("ok      " + test.id(), flush=True)

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._fail(subtest, err)


def on_signal(_number, _frame):
    """A run that hangs, or that somebody stops, must not leave an emulator behind."""
    raise KeyboardInterrupt


def main(wanted):
    """Run the tests whose names hold one of the words, or all."""
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.alarm(LONGEST_RUN)
    report, suite = Report(), unittest.TestSuite()
    for name in MODULES:
        suite.addTests(test for test in tests_of(unittest.TestLoader().loadTestsFromName(name))
                       if not wanted or any(word in test.id() for word in wanted))
    try:
        suite.run(report)
    except KeyboardInterrupt:
        traceback.print_exc(file=sys.stdout)
        report.failed += 1
    finally:
        cloud.stop_all()
    if report.passed + report.failed == 0:
        report.failed = 1
        print("no test has this name")
    print("%d passed, %d failed" % (report.passed, report.failed))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
