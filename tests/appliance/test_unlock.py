# SPDX-License-Identifier: Apache-2.0
"""A box that waits for its passphrase; lost passphrases; the ends of a box."""

import re
import subprocess
import unittest

import box
import stage

NEW = "another long passphrase"


class Locked(unittest.TestCase):
    """unlock passphrase."""

    def test_passphrase(self):
        """LOCKED after a power cut; wrong passphrases wait; the right one opens; it can be changed."""
        first = stage.at("passphrase")
        with box.Box(first.disk) as machine:
            console = machine.console
            banner = console.expect(box.LOGIN)
            self.assertIn("LOCKED", banner)
            self.assertTrue(machine.port_is_closed())
            console.say("", "Passphrase: ")
            console.say("not the passphrase", "wrong passphrase", box.LONG)
            console.expect(box.LOGIN)
            console.say("", "Passphrase: ")
            console.say("nor is this one", "wrong passphrase|wait 1 s", box.LONG)
            stage.login_when_allowed(console)
            machine.wait_for_port()
            first.check_keys(machine)
            console.say("passphrase change", "Passphrase now: ")
            console.say(box.PASSPHRASE, "Passphrase: ")
            console.say(NEW, "Again: ")
            console.say(NEW, r"kms1> ", box.LONG)
            self.assertIn("passphrase", console.say("show seal", "kms1> ", box.LONG))
        with box.Box(machine.disk) as machine:
            console = machine.console
            console.expect(box.LOGIN)
            console.say("", "Passphrase: ")
            console.say(box.PASSPHRASE, "wrong passphrase", box.LONG)
            stage.login_when_allowed(console, NEW)
            machine.wait_for_port()
            first.check_keys(machine)

    def test_recovery_key(self):
        """It opens the box and sets a new passphrase, which opens it from then on."""
        first = stage.at("passphrase")
        with box.Box(first.disk) as machine:
            console = machine.console
            console.expect(box.LOGIN)
            console.say("recover", "Recovery key: ")
            console.say(first.recovery[:-8] + "cccccccc", "characters received")
            self.assertRegex(stage.new_passphrase(console, NEW), "recovery key")
            console.expect(box.LOGIN)
            stage.wait_out(console)
            console.say("recover", "Recovery key: ")
            console.say(first.recovery.upper().replace("-", " "), "characters received")
            self.assertIn("The passphrase is changed", stage.new_passphrase(console, NEW))
            machine.wait_for_port()
            first.check_keys(machine)
            console.say("", "kms1> ")
            console.say("recovery-key new", "Passphrase: ")
            console.say(NEW, r"Show it\? \[y/N/never\]: ", box.LONG)
            letters = re.findall(r"\b[a-z]{8}\b", console.say("y", "you wrote it down: "))[:8]
            console.say(letters[-1], "kms1> ")
        with box.Box(machine.disk) as machine:
            console = machine.console
            self.assertIn("LOCKED", console.expect(box.LOGIN))
            console.say("recover", "Recovery key: ")
            console.say(first.recovery, "characters received")
            stage.new_passphrase(console, "a third passphrase")
            console.expect(box.LOGIN)
            stage.login_when_allowed(console, NEW)
            machine.wait_for_port()
            first.check_keys(machine)


class Ends(unittest.TestCase):
    """Everything local goes."""

    def check_is_new(self, machine):
        """It is as flashed, and can be set up again."""
        stage.set_up_by_script(machine.console)
        machine.wait_for_port(box.LONG)
        stage.create_key(machine)

    def test_reset(self):
        """The serial number, a power cycle, the serial number again."""
        first = stage.at("passphrase")
        with box.Box(first.disk) as machine:
            console = machine.console
            console.expect(box.LOGIN)
            console.say("reset", "do nothing\\): ")
            console.say("1234-5678-9ABC", "type the serial number")
            console.expect(box.LOGIN)
            console.say("reset", "do nothing\\): ")
            console.say(first.serial, "switch the box off and on")
            console.expect(box.LOGIN)
            console.say("reset", "do nothing\\): ")
            console.say(first.serial, "switch the box off and on")  # not without the power cycle
        with box.Box(machine.disk) as machine:
            console = machine.console
            console.expect(box.LOGIN)
            console.say("reset", "do nothing\\): ")
            console.say(first.serial)
            self.check_is_new(machine)
        self.check_nothing_left(first, machine.disk)

    def test_wipe(self):
        """After a login, at once."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            self.assertIn("not the serial number", machine.console.refused("system wipe 1234-5678-9ABC"))
            machine.console.send("system wipe %s\r" % first.serial)
            machine.console.expect(box.FIRST_SCREEN, box.LONG)
            machine.power_cut()
            self.check_nothing_left(first, machine.disk)
        with box.Box(machine.disk) as machine:
            self.check_is_new(machine)

    def check_nothing_left(self, first, disk):
        """Nothing of the box before is on the data partition, as its key slots were."""
        before = stage.take_data(first.image)
        subprocess.run(["/usr/sbin/e2fsck", "-fy", before], capture_output=True, check=False)  # the journal first
        slots = subprocess.run(["/usr/sbin/debugfs", "-R", "cat seal", before], capture_output=True, check=True).stdout
        self.assertGreater(len(slots), 60)
        for data, expected in ((before, True), (stage.take_data(disk), False)):
            with open(data, "rb") as file:
                self.assertEqual(slots in file.read(), expected)
