# SPDX-License-Identifier: Apache-2.0
"""Updates from a stick: good ones, bad ones, and those that end in the middle."""

import contextlib
import http.server
import random
import re
import ssl
import threading
import time
import unittest

import machine
import box
import cutdisk
import images
import stage
import uefi
import world

EPOCH = 2
ENDS_AT_ONCE = "int main(void) { return 1; }"
# It would be ended by a watchdog; a machine without one waits for somebody who cuts its power.
HANGS = "#include <unistd.h>\nint main(void) { for (;;) pause(); }"
# The server looks for its state in a folder that it cannot make.
NO_STATE = ("set state folder /data/state", "set state folder /none/state")


def stick_with(version, data):
    """A stick with one update file."""
    path = stage.stick({})
    images.put_on(path, "holdfast-%s-%s.upd" % (version, images.BOARD), data)
    return path


def file_for(version, **more):
    """An update file of the same program under another version."""
    epoch = more.get("epoch", 1)
    return images.update(images.uki(version, more.pop("binary", None) or images.called(version), epoch), version, **more)


def logged_in(run):
    """At the next banner."""
    run.console.script_login()
    return run.console


def boots(console):
    """`show boot` without its line ends."""
    return box.plain(console.run("show boot"))


def until(console, command, text, seconds=machine.LONG):
    """Ask until the answer has this text."""
    end = time.monotonic() + seconds
    while True:
        said = box.plain(console.run(command, seconds=seconds))
        if text in said:
            return said
        assert time.monotonic() < end, "%s never said %s: %s" % (command, text, said)
        time.sleep(1)


@contextlib.contextmanager
def untrusted_server():
    """A server with a certificate that it signed itself; its port."""
    identity = world.identity("nobody")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.cert, identity.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


class Good(unittest.TestCase):
    """A new version."""

    def test_is_tried_kept_and_left(self):
        """Sealed to a TPM all the while, and nobody types a recovery key."""
        sealed = uefi.sealed()
        new = file_for("0.2.0", epoch=EPOCH)
        stick = stick_with("0.2.0", new)
        with sealed.boot(stick=stick) as run:
            console = logged_in(run)
            said = box.plain(console.run("update from usb", seconds=machine.LONG))
            assert "version 0.2.0 > 0.1.0" in said and "read back and compared ok" in said, said
            assert "seal for 0.2.0 prepared ok" in said, said
            assert "waits to be tried" in console.run("show update")
            run.restarts("update apply")
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)
            console = run.log_in()
            said = until(console, "show boot", "kept")
            assert "a key was made, fetched and destroyed" in said, said
            said = console.run("show update")
            assert re.search(r"slot 2 +0\.2\.0 .*running, good", said) and re.search(r"slot 1 +0\.1\.0 .*good", said), said
            # The epoch only goes up.
            images.put_on(stick, "holdfast-0.3.0-%s.upd" % images.BOARD, file_for("0.3.0"))
            said = console.refused("update from usb", seconds=machine.LONG)
            assert "epoch" in said, said
            # A power cut changes nothing.
        with sealed.boot() as run:
            run.wait_for_port(machine.LONG)
            console = logged_in(run)
            assert "0.2.0" in console.run("show identity")
            said = console.run("update rollback")
            assert "the next start takes version 0.1.0" in said, said
            run.restarts("system restart")
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)
            console = run.log_in()
            assert "0.1.0" in console.run("show identity")


class Bad(unittest.TestCase):
    """Versions that cannot be."""

    def install(self, version, binary):
        """A box with the new version in its other slot, about to restart."""
        sealed = uefi.sealed()
        run = sealed.boot(stick=stick_with(version, file_for(version, binary=binary)))
        self.addCleanup(run.power_cut)
        logged_in(run).run("update from usb", seconds=machine.LONG)
        return sealed, run

    def test_that_ends_at_once(self):
        """Process 1 ends, the kernel restarts, the boot loader takes the other slot."""
        sealed, run = self.install("0.2.1", images.compiled(ENDS_AT_ONCE))
        run.restarts("update apply")
        sealed.check_key(run)
        said = boots(run.log_in())
        assert "0.2.1 was started and did not come up" in said and "back" in said, said

    def test_that_hangs(self):
        """The power is cut by somebody."""
        sealed, run = self.install("0.2.2", images.compiled(HANGS))
        run.console.run("update apply")
        time.sleep(60)    # however long: it is not up before or after
        run.power_cut()
        with sealed.boot() as again:
            sealed.check_key(again)
            said = boots(logged_in(again))
        assert "0.2.2 was started and did not come up" in said and "back" in said, said

    def test_that_does_not_serve(self):
        """It comes up, its server does not: given up after five minutes."""
        sealed, run = self.install("0.2.3", images.called("0.2.3", [NO_STATE]))
        run.restarts("update apply")
        run.console.expect(machine.LOGIN, 2 * machine.LONG)
        print("    an image whose server does not serve: back after %.0f s" % run.seconds(), flush=True)
        sealed.check_key(run)
        said = boots(run.log_in())
        assert "0.2.3 was given up: it does not serve" in said, said


class Refused(unittest.TestCase):
    """Files that are not written, and downloads."""

    def test_files(self):
        """Each with its reason; afterwards nothing waits."""
        image = images.uki("0.2.0")
        good = images.update(image, "0.2.0")
        flipped = bytearray(good)
        flipped[len(good) // 2] ^= 1
        header = bytearray(good)
        header[100] ^= 1
        files = {"wrong key": (images.update(image, "0.2.0", key=images.other_key()), "no release key"),
                 "header changed": (bytes(header), "no release key"),
                 "payload changed": (bytes(flipped), "hash"),
                 "cut short": (good[:-5000], "ends too early"),
                 "too long": (good + b"x", "more than"),
                 "a few bytes": (good[:700], "no update file"),
                 "another architecture": (images.update(image, "0.2.0", arch="aarch64"), "aarch64"),
                 "another board": (images.update(image, "0.2.0", board="generic-x86_64"), "generic-x86_64"),
                 "another version inside": (images.update(image, "0.2.7"), "mistake of the build")}
        sealed = uefi.sealed()
        stick = stick_with("0.2.0", good)
        with sealed.boot(stick=stick) as run:
            console = logged_in(run)
            for name, (data, reason) in files.items():
                with self.subTest(name):
                    images.put_on(stick, "holdfast-0.2.0-%s.upd" % images.BOARD, data)
                    said = console.refused("update from usb", seconds=machine.LONG)
                    assert reason in said and len(said) < 160, said
            said = console.run("show update")
            assert "0.2" not in said, said
            assert "no update is waiting" in console.refused("update apply")

    def test_a_download_from_nobody_known(self):
        """HTTPS, from a server whose certificate no root of the box has signed."""
        with untrusted_server() as port, machine.Machine(machine.drive(stage.at("file").disk), network="") as run:
            run.console.script_login()
            said = run.console.refused("update from https://10.0.2.2:%d/x.upd" % port, seconds=machine.LONG)
            assert "certificate" in said, said
            said = run.console.refused("update from http://10.0.2.2:%d/x.upd" % port, seconds=machine.LONG)
            assert "https" in said, said


class PowerCut(unittest.TestCase):
    """While the update is written."""

    def test_leaves_the_old_image(self):
        """At five moments, on a disk that loses what was not flushed."""
        sealed = uefi.sealed()
        dice = random.Random()
        disk = cutdisk.CutDisk(sealed.image, box.file_name("nbd"), dice)
        stick = stick_with("0.2.0", file_for("0.2.0"))
        for moment in range(5):
            with sealed.boot(disk=machine.drive(disk.url()), stick=stick) as run:
                run.wait_for_port(machine.LONG)
                console = logged_in(run)
                said = console.run("show update")
                assert "running, good" in said and "on trial" not in said, said
                disk.freeze_at(dice.randrange(1, 12) if moment else 1)
                console.send("update from usb\r")
                frozen = disk.wait_frozen(60)
                run.power_cut()
            kept, lost = disk.cut()
            print("    cut %d: %s, %d pieces kept, %d lost" % (moment + 1, "at a flush" if frozen else "after the end", kept,
                                                            lost), flush=True)
        with sealed.boot(disk=machine.drive(disk.url()), stick=stick) as run:
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)
            console = logged_in(run)
            console.run("update from usb", seconds=machine.LONG)
            run.restarts("update apply")
            sealed.check_key(run)
            until(run.log_in(), "show boot", "kept")
