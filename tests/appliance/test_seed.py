# SPDX-License-Identifier: Apache-2.0
"""Set up without a keyboard."""

import time
import unittest

import box
import stage

CONF = "# a seed\r\nset server name kms7\r\nset unlock file\r\n"
SECRET = "passphrase %s\r\n" % box.PASSPHRASE
RESULT, SECRET_FILE = "holdfast.result.txt", "holdfast.secret"


def seed(conf=CONF, secret=SECRET):
    """The files of a seed."""
    with open(stage.vcenter().cert, encoding="ascii") as file:
        return {"holdfast.conf": conf, SECRET_FILE: secret, "clients/vcenter.pem": file.read()}


class Seed(unittest.TestCase):
    """From a stick, from the boot partition, from another box."""

    def check_set_up(self, machine, volume):
        """It serves, and the result says with which certificates; the secret is gone."""
        stage.wait_until_set_up(machine)
        machine.wait_for_port()
        stage.create_key(machine)
        prints = [machine.thumbprints(cipher) for cipher in ("aRSA", "aECDSA")]
        machine.power_cut()
        result = stage.get(volume, RESULT)
        self.assertIn("set up", result)
        for sha1, sha256 in prints:
            self.assertIn(sha1, result)
            self.assertIn(sha256, result)
        self.assertNotIn(box.PASSPHRASE, result)
        self.assertIsNone(stage.get(volume, SECRET_FILE))
        return result

    def check_nothing_of(self, path, secret):
        """The bytes are nowhere on it."""
        with open(path, "rb") as file:
            self.assertNotIn(secret.encode(), file.read())

    def test_stick(self):
        """All of it from a stick, with line ends of another system."""
        volume = stage.stick(seed())
        with box.Box(stage.fresh(), stick=volume) as machine:
            self.check_set_up(machine, volume)
        self.check_nothing_of(volume, box.PASSPHRASE)

    def test_bad_line(self):
        """Nothing is applied; the result names the line."""
        volume = stage.stick(seed(CONF + "set keymanager typ local\r\nset server name a b\r\n"))
        disk = stage.fresh()
        with box.Box(disk, stick=volume) as machine:
            console = machine.console
            banner = console.expect(box.FIRST_SCREEN)
            end = time.monotonic() + box.PATIENCE
            while "seed was refused" not in box.plain(banner) and time.monotonic() < end:
                banner = console.say("s", box.FIRST_SCREEN)
            self.assertIn("the seed was refused", box.plain(banner))
            self.assertIn("NOT SET UP", banner)
        result = stage.get(volume, RESULT)
        self.assertIn("nothing was changed", result)
        self.assertRegex(result, r"4.*keymanager typ")
        self.assertRegex(result, r"(?m)^.*\b5\b")
        self.assertEqual(stage.get(volume, SECRET_FILE), SECRET)

    def test_boot_partition(self):
        """The seed in the box's own boot partition."""
        disk = stage.fresh()
        volume = "%s@@%d" % (disk, stage.partition(disk, "holdfast-esp")[0])
        stage.make_folder(volume, "holdfast/clients")
        for name, text in seed().items():
            stage.put(volume, "holdfast/" + name, text)
        with box.Box(disk) as machine:
            stage.wait_until_set_up(machine)
            machine.wait_for_port()
            stage.create_key(machine)
        self.assertIn("set up", stage.get(volume, "holdfast/" + RESULT))
        self.assertIsNone(stage.get(volume, "holdfast/" + SECRET_FILE))

    def test_second_box(self):
        """From the export of the first one, on a stick; what belongs to the first stays there."""
        first = stage.at("file")
        volume = stage.stick({"readme.txt": "a stick"})
        with box.Box(first.disk, stick=volume) as machine:
            machine.console.script_login()
            machine.console.set("cache offline-lease 2h")
            machine.console.run("commit")
            first.check_keys(machine)  # the server starts anew; without it the clients would be missing
            self.assertIn("readme.txt", machine.console.run("usb list"))
            machine.console.run("config export to usb")
        conf = stage.get(volume, "holdfast.conf")
        self.assertIn("offline-lease 2h", conf)
        stage.put(volume, "holdfast.conf", conf.replace("server name kms1", "server name kms2"))
        stage.put(volume, SECRET_FILE, SECRET)
        with box.Box(stage.fresh(), stick=volume, mac="52:54:00:00:00:02") as machine:
            self.check_set_up(machine, volume)
        with box.Box(machine.disk, mac="52:54:00:00:00:02") as machine:
            machine.console.script_login()
            self.assertIn("offline-lease 2h", machine.console.run("show config"))
            self.assertIn("vcenter", machine.console.run("show clients"))
