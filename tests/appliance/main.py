# SPDX-License-Identifier: Apache-2.0
"""Runs the appliance tests, two machines at a time: a line for each test, and the count as the last line."""

import os
import queue
import signal
import sys
import threading
import time
import traceback
import unittest
import warnings

import box
import stage

# Those that take longest first, so that both workers end at about the same time.
MODULES = ("test_wizard", "test_unlock", "test_change", "test_network", "test_data", "test_seed", "test_restart",
           "test_certificates", "test_cloud", "test_console")
WORKERS = 2
# Seconds; a run that hangs is stopped with a trace of where it stands.
LONGEST_RUN = 3000


class Report(unittest.TestResult):
    """Prints a line for each test when it ends. One for each worker; they share the lock."""

    lock = threading.Lock()

    def __init__(self):
        super().__init__()
        self.passed = self.failed = 0
        self._started = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _line(self, word, test, text=""):
        with self.lock:
            name = test.id().replace("test_", "")
            print("%-7s %-70s %6.1f s%s" % (word, name, time.monotonic() - self._started, text), flush=True)

    def _fail(self, test, err):
        self.failed += 1
        self._line("FAILED", test, "\n" + "".join(traceback.format_exception(*err)))

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


def tests_of(suite):
    """Yield the single tests of a suite."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def work(jobs, report):
    """Run tests until there are none."""
    while True:
        try:
            suite = jobs.get_nowait()
        except queue.Empty:
            return
        suite.run(report)


def on_signal(number, _frame):
    """A run that hangs, or that somebody stops, must not leave a machine behind."""
    print("the tests hang" if number == signal.SIGALRM else "stopped", flush=True)
    if number == signal.SIGALRM:
        for frame in sys._current_frames().values():  # pylint: disable=protected-access
            traceback.print_stack(frame, file=sys.stdout)
    print("0 passed, 1 failed", flush=True)
    box.tear_down()
    os._exit(1)  # pylint: disable=protected-access


def main(wanted):
    """Run the tests whose names hold one of the words, or all."""
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, on_signal)
    signal.alarm(LONGEST_RUN)
    warnings.simplefilter("ignore")
    started = time.monotonic()
    jobs, loader = queue.Queue(), unittest.TestLoader()
    for name in MODULES:
        for test in tests_of(loader.loadTestsFromName(name)):
            if not wanted or any(word in test.id() or word in test.id().replace("test_", "") for word in wanted):
                jobs.put(unittest.TestSuite([test]))
    stage.prepare()
    reports = [Report() for _ in range(WORKERS)]
    threads = [threading.Thread(target=work, args=(jobs, report)) for report in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed, failed = sum(r.passed for r in reports), sum(r.failed for r in reports)
    if passed + failed == 0:
        failed = 1
        print("no test has this name")
    print("%d s" % (time.monotonic() - started))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
