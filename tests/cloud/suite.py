# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of this folder with the runner of the integration tests, in some processes at once.

Most tests wait most of the time: for intervals, back-offs and the ends of leases. So each part has emulators and
servers of its own, and what it says comes when it ends.
"""

import os
import re
import signal
import subprocess
import sys

import nodes  # first: it says where the modules of the other folders are
import main

PARTS = (("test_answers",), ("test_boundaries", "test_kill"), ("test_credential", "test_rights"),
         ("test_story", "test_two_nodes", "test_root_key", "test_restart"),
         ("test_network", "test_proxy", "test_console"))


def run_part(words):
    """Run the modules that CLOUD_PART names, here."""
    main.MODULES = os.environ["CLOUD_PART"].split()
    try:
        return main.main(words)
    finally:
        nodes.stop_clouds()


def run_all(words):
    """Run all parts, each in a process; the last line counts."""
    running, counts = [], [0, 0, 0]
    for part in PARTS:
        running.append(subprocess.Popen([sys.executable, "-B", os.path.abspath(__file__), *words],
                                        env=dict(os.environ, CLOUD_PART=" ".join(part)), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True))
    try:
        for process in running:
            last, none = "", False
            for line in process.stdout:
                found = re.fullmatch(r"(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\n", line)
                none = none or line == "no test has this name\n"
                if found:
                    last = line
                    counts = [before + (0 if none else int(one or 0)) for before, one in zip(counts, found.groups())]
                elif not none:
                    print(line, end="", flush=True)
            process.wait()
            if not last:
                print("a part of the tests ended without a count")
                counts[1] += 1
    except BaseException:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait()
        raise
    if counts[0] + counts[1] == 0:
        print("no test has this name")
        counts[1] = 1
    print("%d passed, %d failed%s" % (counts[0], counts[1], ", %d skipped" % counts[2] if counts[2] else ""))
    return 1 if counts[1] else 0


if __name__ == "__main__":
    sys.exit(run_part(sys.argv[1:]) if "CLOUD_PART" in os.environ else run_all(sys.argv[1:]))
