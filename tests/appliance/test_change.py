# SPDX-License-Identifier: Apache-2.0
"""Candidate, commit, trial, rollback, on the real lines."""

import time
import unittest

import box
import client
import stage


class Change(unittest.TestCase):
    """Revisions of a box that was set up."""

    def test_not_confirmed(self):
        """It goes back by itself after a minute, and says so on both consoles."""
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            console.login()
            other = machine.second_console()
            other.say("", "Passphrase: ")
            other.say(box.PASSPHRASE, "kms1> ", box.LONG)
            console.say('set admin banner "second"', r"kms1\*> ")
            console.say("commit", "revision 2 is active")
            console.expect("kms1> ")
            console.say('set admin banner "third"', r"kms1\*> ")
            console.say("commit confirm 1", "revision 3 is active, and goes back unless confirmed")
            begun = time.monotonic()
            console.expect(r"kms1 \(confirm 1m\)> ")
            other.say("show revisions", r"3[^\n]*[\s\S]*kms1 \(confirm 1m\)> ")
            for line in (console, other):
                self.assertIn("revision 2 is active again", box.plain(line.expect("again", box.LONG)))
            self.assertGreater(time.monotonic() - begun, 55)
            console.say("", "kms1> ")
            self.assertIn("second", console.say("show config", "kms1> "))
            other.close()

    def test_power_cut_during_trial(self):
        """The revision before it is in force again."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            # An address that nobody reaches: the worst that a trial is for.
            machine.console.set("interface uplink address 192.0.2.9/24", "interface uplink gateway 192.0.2.1")
            machine.console.run("commit confirm 30")
            self.assertIn("192.0.2.9", machine.console.run("show interfaces"))
        with box.Box(machine.disk) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
            machine.console.script_login()
            self.assertNotIn("192.0.2.9", machine.console.run("show config"))

    def test_confirm_and_rollback(self):
        """Kept over a power cut; an earlier one comes back; a bad candidate is refused with its line."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            console = machine.console
            console.script_login()
            console.set("cache offline-lease 2h")
            console.run('commit confirm 5 note "shorter lease"')
            console.set("cache offline-lease 3h")
            self.assertIn("on trial", console.refused("commit"))
            console.run("discard")
            self.assertIn("revision 2 is kept", console.run("confirm"))
            self.assertIn("no revision is on trial", console.refused("confirm"))
            console.set("interface uplink address 10.0.2.15/24", "interface uplink gateway 192.0.2.1")
            bad = console.refused("check")
            self.assertIn("interface uplink gateway: it is not inside the network", bad)
            self.assertEqual(console.refused("commit"), bad)
            console.run("discard")
            console.set("keymanager type keyprotect")
            self.assertIn("keymanager", console.refused("commit"))
            console.run("discard")
        with box.Box(machine.disk) as machine:
            console = machine.console
            console.script_login()
            self.assertIn("offline-lease 2h", console.run("show config"))
            revisions = console.run("show revisions")
            self.assertIn("shorter lease", revisions)
            self.assertIn("there is no such revision", console.refused("rollback 9"))
            console.run("rollback 1")
            self.assertIn("revision 3", console.run("commit"))
            self.assertNotIn("offline-lease", console.run("show config"))
            first.check_keys(machine)

    def test_server_is_restarted(self):
        """A setting of the server: it starts anew by itself, and the keys are there."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.wait_for_port()
            with stage.kmip(machine) as kmip:
                machine.console.script_login()
                machine.console.set("server connections 32", "server name kms2")
                machine.console.run("commit")
                self.assertTrue(kmip.ended())
            first.check_keys(machine)
            self.assertIn("kms2", machine.console.run("show config"))
            with self.assertRaises(client.Closed):
                client.Connection(machine, None).one(client.QUERY)
