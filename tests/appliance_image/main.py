# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the whole image: a line for each, and the count as the last line."""

import os
import signal
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]

import machine  # noqa: E402  pylint: disable=wrong-import-position
import box      # noqa: E402  pylint: disable=wrong-import-position
import stage    # noqa: E402  pylint: disable=wrong-import-position

sys.path.append(os.path.join(HERE, "..", "appliance"))
MODULES = ("test_image", "test_update", "test_uefi", "test_times", "test_cuts")
# What `make test` leaves out, so that all of it fits into an hour: an image that does not serve is given five minutes
# before it is left, and half an update is written five times. ALL=1 runs everything.
LONG = ("that_does_not_serve", "that_hangs", "leaves_the_old_image", "another_boot_chain", "test_times")


def load(name):
    """The runner of tests/appliance: what prints lines, and what takes tests out of suites."""
    import importlib.util  # pylint: disable=import-outside-toplevel
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, "..", "appliance", "main.py"))
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def is_wanted(name):
    """Named, or of the daily ones."""
    if sys.argv[1:]:
        return any(word in name for word in sys.argv[1:])
    return os.environ.get("ALL") == "1" or not any(word in name for word in LONG)


def main():
    """All tests, or those whose name has one of the words."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    runner = load("appliance_main")
    stage.prepare()
    report = runner.Report()
    for module in MODULES:
        if not os.path.exists(os.path.join(HERE, module + ".py")):
            continue
        for test in runner.tests_of(unittest.defaultTestLoader.loadTestsFromName(module)):
            if is_wanted(test.id()):
                test.run(report)
    print("%d passed, %d failed" % (report.passed, report.failed))
    box.tear_down()
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
