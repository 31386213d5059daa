# SPDX-License-Identifier: Apache-2.0
"""Power cuts and restarts of a box that was set up."""

import unittest

import box
import stage


class Restart(unittest.TestCase):
    """The keys are there again, with the same certificates, soon."""

    def test_power_cut(self):
        """Nothing was lost; the banner has the thumbprints that openssl prints."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.wait_for_port()
            banner = machine.console.expect(box.LOGIN)
            first.check_keys(machine)
            machine.console.say("s", box.LOGIN)  # by now the server is there, if it was not before
            banner += machine.console.say("s", box.LOGIN)
            for cipher in ("aRSA", "aECDSA"):
                sha1, sha256 = machine.thumbprints(cipher)
                self.assertIn(sha1, banner)
                self.assertIn(sha256, "".join(banner.split()))
            self.assertIn("READY", banner)
            kept = stage.create_key(machine)
            before = machine.thumbprints()
            machine.reset()
            machine.console.expect(box.LOGIN)
            machine.wait_for_port()
            self.assertEqual(machine.thumbprints(), before)
            first.check_keys(machine)
            with stage.kmip(machine) as client:
                self.assertEqual(client.get(kept[0]), kept[1])

    def test_time_to_open_port(self):
        """From power on, with a static address and the kernel started directly."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            machine.console.set("interface uplink address 10.0.2.15/24", "interface uplink gateway 10.0.2.2")
            machine.console.run("commit")
            machine.power_cut()
            times = []
            for _ in range(3):
                with box.Box(machine.disk) as again:
                    times.append(again.wait_for_port())
                    again.console.expect(box.LOGIN)
            first_screen = again.seconds()
        print("power on to the open port: %s s (bound 2.5 s on an idle machine); to the login prompt %.1f s"
              % (" ".join("%.2f" % t for t in times), first_screen))

    def test_commands(self):
        """system restart starts it again, system halt ends it; show boot tells of both."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            machine.console.run("system restart")
            machine.console.script_login()
            first.check_keys(machine)
            boots = machine.console.run("show boot")
            self.assertGreaterEqual(len(boots.strip().splitlines()), 3, boots)
            machine.console.send("system halt\r")
            self.assertTrue(machine.ended(), "it did not power off")
        with box.Box(machine.disk) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
