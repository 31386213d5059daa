# SPDX-License-Identifier: Apache-2.0
"""The console over a real serial line."""

import random
import time
import unittest

import box
import stage


class Lines(unittest.TestCase):
    """A box that was set up, its keys on the terminal, and bytes that nobody meant."""

    def test_nothing_runs_before_the_login(self):
        """The line protocol is offered at the login prompt; its commands are not."""
        with box.Box(stage.at("file").disk) as machine:
            machine.console.expect(box.LOGIN)
            machine.console.script()
            for line in ("client add evil", "secret apikey", "secret passphrase", "show log", "usb list", "setup",
                         "set dns 192.0.2.1", "config import", "show keys"):
                self.assertIn("log in first", machine.console.refused(line), line)

    def test_editing(self):
        """Type-ahead, Ctrl-C, ?, Tab, prefixes, line ends, plain ASCII."""
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            console.expect(box.LOGIN)
            console.say("", "Passphrase: ")
            console.send(box.PASSPHRASE + "\r")
            time.sleep(0.5)
            console.send("show vers")  # while the passphrase is hashed
            console.expect(r"kms1> show vers", box.LONG)
            console.say("ion", "holdfast [0-9.]+, KMIP")
            console.expect("kms1> ")
            console.send("nonsense\x03")
            console.expect("kms1> ")
            console.send("sho\tver\t")
            console.say("", "holdfast [0-9.]+, KMIP")
            console.expect("kms1> ")
            console.send("show int?")
            self.assertIn("interfaces", console.expect(r"kms1> show int"))
            console.send("\x15")
            console.say("sh id", "serial number")
            console.expect("kms1> ")
            console.say("nonsense", "unknown word")
            console.expect("kms1> ")
            console.say("secret apikey S3cretS3cret", "never an argument")
            console.expect("kms1> ")
            log = machine.serial_log().encode("utf-8", "replace")
            self.assertEqual(set(log) - set(range(0x20, 0x7f)) - {8, 10, 13}, set())
            self.assertTrue(all(len(line) <= 80 for line in machine.serial_log().splitlines()))

    def test_delays(self):
        """Wrong passphrases wait longer each time, over a power cut too; nobody is locked out."""
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            for _ in range(3):
                console.expect(box.LOGIN)
                stage.wait_out(console)
                console.say("", "Passphrase: ")
                console.say("wrong wrong wrong", "wrong passphrase", box.LONG)
            console.expect(box.LOGIN)
            console.say("", "wrong passphrases: wait [1-4] s")
            console.expect("Passphrase: ")
            console.say(box.PASSPHRASE, "wait [1-4] s|kms1> ", box.LONG)
        with box.Box(machine.disk) as machine:
            machine.console.expect(box.LOGIN)
            machine.console.say("", "wrong passphrases: wait [1-4] s")
            machine.console.expect("Passphrase: ")
            machine.console.say("", box.LOGIN)
            stage.login_when_allowed(machine.console)

    def test_idle_logout(self):
        """After the time of the setting; changes wait for the next login."""
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            console.login()
            console.say("set admin idle 30s", r"kms1\*> ")
            console.say("commit", "revision 2 is active")
            console.expect("kms1> ")
            console.say('set admin banner "later"', r"kms1\*> ")
            begun = time.monotonic()
            console.expect("Logged out: nobody has pressed a key", box.LONG)
            self.assertGreater(time.monotonic() - begun, 25)
            console.expect(box.LOGIN)
            console.say("", "Passphrase: ")
            console.say(box.PASSPHRASE, r"kms1\*> ", box.LONG)

    def test_garbage(self):
        """200 KB of random bytes at the login prompt of one line; the other works meanwhile, and both afterwards."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.expect(box.LOGIN)
            other = machine.second_console()
            generator = random.Random(5)
            for _ in range(200):
                machine.console.send_bytes(generator.randbytes(1000))
                machine.console.quiet(0)
            first.check_keys(machine)
            other.say("", "Passphrase: ")
            other.close()
            machine.console.quiet(3)
            machine.console.send("\x03")
            machine.console.quiet(2)
            stage.login_when_allowed(machine.console)
            machine.console.say("show state", "READY")
