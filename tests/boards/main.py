# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of the boards: a line for each, and the count as the last line."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "appliance"))

import box  # noqa: E402  pylint: disable=wrong-import-position
import stage  # noqa: E402  pylint: disable=wrong-import-position

# Seconds; UEFI and a kernel under emulation, where others work too.
START = 600


class Machine(box.Box):
    """One run of a board's image, as image/qemu starts it."""

    # pylint: disable=super-init-not-called
    def __init__(self, board, disk):
        self.disk, self.port = disk, box.free_port()
        self._home = tempfile.mkdtemp(dir=os.path.dirname(box.file_name("home")))
        words = [os.path.join(box.ROOT, "image", "qemu"), "--board", board, "--disk", disk, "--tpm", "none",
                 "--port", str(self.port), "--serial", "unix:" + self._path("line"), "--monitor", self._path("qmp")]
        with open(self._path("qemu.log"), "wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        box._machines.append(self)  # pylint: disable=protected-access
        self.started = time.monotonic()
        self._qmp = box.connect_unix(self._path("qmp")).makefile("rw", encoding="utf-8")
        json.loads(self._qmp.readline())
        self.monitor("qmp_capabilities")
        self.console = box.Console(self._path("line"))


def check_configuration(board):
    """No symbol is dropped without a word."""
    subprocess.run([os.path.join(box.ROOT, "image", "kernel", "build"), "--configure", board], check=True)


def check_boot(board):
    """Set up over the serial line, a key for a client, a power cut, the same key again."""
    disk = stage.fresh()
    with Machine(board, disk) as machine:
        machine.console.expect(box.FIRST_SCREEN, START)
        machine.console.script()
        stage.configure(machine.console)
        machine.wait_for_port(box.LONG)
        uid, material = stage.create_key(machine)
    with Machine(board, disk) as machine:
        banner = box.plain(machine.console.expect(box.LOGIN, START))
        print("    %s: banner %.1f s, open port %.1f s after power on"
              % (board, machine.seconds(), machine.wait_for_port(box.LONG)), flush=True)
        assert board in banner, banner
        with stage.kmip(machine) as kmip:
            assert kmip.get(uid) == material


def tests():
    """Names and what they run."""
    for board in sorted(os.listdir(os.path.join(box.ROOT, "board"))):
        if os.path.exists(os.path.join(box.ROOT, "board", board, "board.conf")):
            yield "configuration of " + board, lambda board=board: check_configuration(board)
    yield "boot of generic-arm64", lambda: check_boot("generic-arm64")


def main():
    """All tests, or those whose name has one of the words."""
    passed = failed = 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    stage.vcenter()
    for name, check in tests():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        begun = time.monotonic()
        try:
            check()
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print("FAILED  %s\n%s" % (name, traceback.format_exc()), flush=True)
        else:
            passed += 1
            print("ok      %-50s %6.1f s" % (name, time.monotonic() - begun), flush=True)
    print("%d passed, %d failed" % (passed, failed))
    box.tear_down()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
