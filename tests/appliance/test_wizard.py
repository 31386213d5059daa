# SPDX-License-Identifier: Apache-2.0
"""The first boot by hand, from power on to the first key."""

import re
import time
import unittest

import box
import client
import stage


class Operator:
    """Types like a person, and notes how long the machine lets him wait."""

    def __init__(self, console):
        self.console, self.waited = console, 0.0

    def expect(self, pattern):
        """Wait for a pattern."""
        begun = time.monotonic()
        text = self.console.expect(pattern, box.LONG)
        self.waited += time.monotonic() - begun
        return text

    def answer(self, text, pattern):
        """Type an answer and wait for what comes next."""
        self.console.type(text, pause=0.08)
        return self.expect(pattern)

    def answer_or_keep(self, text, pattern):
        """The same where a test follows that may fail without a way out of the machine's network."""
        if "keep goes on" in self.answer(text, pattern + "|keep goes on with these answers: "):
            self.answer("keep", pattern)


class Wizard(unittest.TestCase):
    """Screen 1 to the recovery key, and a client from outside."""

    def steps(self, operator):
        """Seven steps with static address and embedded key manager."""
        operator.answer("", r"Host name \[\S+\]: ")
        operator.answer("kms1.lab.example", r"Network port \[eth0\]: ")
        operator.answer("", r"Address by dhcp or static \[static\]: ")
        operator.answer("", "IPv4 address and prefix length: ")
        operator.answer("10.0.2.15/24", r"Gateway \[10\.0\.2\.1\]: ")
        operator.answer("10.0.2.2", "DNS servers.*: ")
        operator.answer_or_keep("", r"Time servers[^:]*\]: ")
        operator.answer_or_keep("", "Passphrase: ")
        operator.answer(box.PASSPHRASE, "Again: ")
        operator.answer(box.PASSPHRASE, r"ok, 21 characters[\s\S]*Choose \[2\]: ")
        operator.answer("3", r"Time, as [^:]*\[4h\]: ")
        operator.answer("", r"Key manager \[keyprotect\]: ")
        prints = operator.answer("local", "Press Enter to go on: ")
        operator.answer("", "Client name: ")
        operator.answer("vcenter", "at its END line.")
        with open(stage.vcenter().cert, encoding="ascii") as file:
            operator.console.send(file.read().replace("\n", "\r"))
        operator.expect(r"Accept this client\? \[y/N\]: ")
        operator.answer("y", r"Next client \(blank: none\): ")
        summary = operator.answer("", r"Commit\? \[y/N[^:]*: ")
        for line in ("set server name kms1.lab.example", "set interface uplink address 10.0.2.15/24",
                     "set interface uplink gateway 10.0.2.2", "client add vcenter, sha256 "):
            self.assertIn(line, summary)
        return prints

    def test_from_power_on_to_the_first_key(self):
        """Nothing but keystrokes; then a KMIP client creates and gets a key."""
        with box.Box(stage.fresh()) as machine:
            operator = Operator(machine.console)
            screen = operator.expect(box.FIRST_SCREEN)
            self.assertIn("This device is not set up. No network port is open.", screen)
            self.assertIn("52:54:00:00:00:01", screen)
            banner = machine.seconds()
            prints = self.steps(operator)
            operator.answer("y", r"Show it\? \[y/N/never\]: ")
            letters = re.findall(r"\b[a-z]{8}\b", operator.answer("y", "you wrote it down: "))[:8]
            self.assertEqual(len(letters), 8)
            operator.answer(letters[-1], "ok\r\n")
            operator.expect("READY.  State: READY")
            ready = machine.seconds()
            uid, _ = stage.create_key(machine)
            operator.expect(r"First key served \d+ min \d+ s after power on")
            operator.expect("kms1> ")
            self.assertIn("vcenter", machine.console.say("show clients", "kms1> "))
            self.assertIn(uid, machine.console.say("key show " + uid, "kms1> ").replace("key show " + uid, "", 1))
            for cipher in ("aRSA", "aECDSA"):
                sha1, sha256 = machine.thumbprints(cipher)
                self.assertIn(sha1, prints)
                self.assertIn(sha256, prints.replace("\r\n", "").replace(" ", ""))
            print("first screen %.1f s, ready %.1f s after power on; the box let the operator wait %.1f s (bound 15 s "
                  "on an idle machine), first key after %.1f s" % (banner, ready, operator.waited, machine.seconds()))

    def test_stop_and_come_back(self):
        """Ctrl-B, Ctrl-C, the answers are kept, and nothing was changed by a power cut."""
        disk = stage.fresh()
        with box.Box(disk) as machine:
            console = machine.console
            console.expect(box.FIRST_SCREEN)
            console.say("", r"Host name \[\S+\]: ")
            console.say("kms9", r"Network port \[eth0\]: ")
            console.send("\x03")
            console.expect("Stopped at step 1")
            self.assertIn("the answers are kept", console.expect(box.FIRST_SCREEN))
            console.say("", r"Host name \[kms9\]: ")
            console.send("\x03")
            console.expect(box.FIRST_SCREEN)
            self.assertIn("USB stick", console.say("?", box.FIRST_SCREEN))
        with box.Box(disk) as machine:
            self.assertIn("NOT SET UP", machine.console.expect(box.FIRST_SCREEN))
