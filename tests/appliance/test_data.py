# SPDX-License-Identifier: Apache-2.0
"""Disks in trouble: the box comes up, names the fault, and its console works."""

import os
import random
import re
import subprocess
import unittest

import box
import client
import stage


def debugfs(path, *commands):
    """Change a file system inside a file."""
    subprocess.run(["/usr/sbin/e2fsck", "-fy", path], capture_output=True, check=False)
    for command in commands:
        subprocess.run(["/usr/sbin/debugfs", "-w", "-R", command, path], capture_output=True, check=True)


class Data(unittest.TestCase):
    """The data partition of a box that was set up."""

    def check_named(self, disk, fault, *more):
        """The banner of a box without its data names the fault; the console answers."""
        with box.Box(disk, *more) as machine:
            console = machine.console
            console.expect(box.FIRST_SCREEN)
            said = stage.wait_for_banner(machine, fault, box.FIRST_SCREEN)
            console.script()
            self.assertIn("serial number", console.run("show identity"))
            console.run("set server name kms1")
            console.run("secret passphrase", box.PASSPHRASE)
            self.assertIn("data partition", console.refused("setup"))
            self.assertTrue(machine.port_is_closed())
            return said

    def test_superblock(self):
        """Random bytes over the superblock; then a reset makes it anew."""
        first = stage.at("file")
        disk = first.disk
        start, _ = stage.partition(disk, "holdfast-data")
        stage.overwrite(disk, start + 1024, random.Random(1).randbytes(3072))
        self.check_named(disk, "cannot be mounted")
        for _ in range(2):
            with box.Box(disk) as machine:
                machine.console.expect(box.FIRST_SCREEN)
                machine.console.say("reset", "do nothing\\): ")
                machine.console.say(first.serial, "switch the box off|switched off|" + box.FIRST_SCREEN, box.LONG)
        with box.Box(disk) as machine:
            stage.set_up_by_script(machine.console)

    def test_inode_table(self):
        """Random bytes over the inodes."""
        disk = stage.at("file").disk
        start, _ = stage.partition(disk, "holdfast-data")
        said = subprocess.run(["/usr/sbin/dumpe2fs", stage.take_data(disk)], capture_output=True, text=True,
                              check=True).stdout
        block = int(re.search(r"Inode table at (\d+)", said).group(1))
        stage.overwrite(disk, start + block * 4096, random.Random(2).randbytes(16 * 4096))
        self.check_named(disk, "cannot be mounted")

    def test_missing(self):
        """No partition has the name."""
        disk = stage.at("file").disk
        subprocess.run(["/usr/sbin/sfdisk", "--quiet", "--part-label", disk, "2", "something"], check=True,
                       capture_output=True)
        self.check_named(disk, "no disk has a data partition")

    def test_two_disks(self):
        """Nobody guesses which."""
        second = stage.fresh()
        self.check_named(stage.at("file").disk, "two disks have a data partition",
                         "-drive", "file=%s,format=raw,if=virtio" % second)

    def test_full(self):
        """No block is free: it starts, logs in and serves, and refuses what cannot be stored."""
        first = stage.at("file")
        disk = first.disk
        data, filler = stage.take_data(disk), box.file_name("filler")
        with open(filler, "wb") as file:
            file.write(random.Random(3).randbytes(os.path.getsize(data)))
        debugfs(data, "write %s filler" % filler)
        stage.put_data(disk, data)
        with box.Box(disk) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
            with stage.kmip(machine) as kmip:
                answer = kmip.one(client.CREATE, *client.create_payload())
                self.assertEqual(answer.status, client.FAILED)
            machine.console.script_login()
            machine.console.set("cache offline-lease 2h")
            self.assertRegex(machine.console.refused("commit"), "[Nn]o space")
            first.check_keys(machine)

    def damaged(self, *names):
        """A disk with garbage in these files."""
        disk, garbage = stage.at("file").disk, box.file_name("garbage")
        with open(garbage, "wb") as file:
            file.write(random.Random(4).randbytes(500))
        data = stage.take_data(disk)
        debugfs(data, *(command for name in names for command in ("rm " + name, "write %s %s" % (garbage, name))))
        stage.put_data(disk, data)
        return disk

    def test_damaged_revision(self):
        """The newest one that can be read is in force, and the banner says so."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            machine.console.set("cache offline-lease 2h")
            machine.console.run("commit")
        garbage = box.file_name("garbage")
        with open(garbage, "wb") as file:
            file.write(b"\0" * 300)
        data = stage.take_data(machine.disk)
        debugfs(data, "rm config/revision-000002", "write %s config/revision-000002" % garbage)
        stage.put_data(machine.disk, data)
        with box.Box(machine.disk) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
            stage.wait_for_banner(machine, "revision 2 is damaged, an older one is in force")

    def test_damaged_key_slots(self):
        """Locked, and the console says what is wrong."""
        with box.Box(self.damaged("seal")) as machine:
            self.assertIn("LOCKED", machine.console.expect(box.LOGIN))
            machine.console.say("", "Passphrase: ")
            said = machine.console.say(box.PASSPHRASE, r"kms1 \[NO SERVER\]> ", box.LONG)
            self.assertIn("The box stays locked: /data/seal: line 1 is damaged", box.plain(said))
            self.assertIn("set unlock file", machine.console.say("config export", r"# end[\s\S]*> ") + "set unlock file")

    def test_damaged_passphrase_file(self):
        """The keys are served; the recovery key makes a new passphrase."""
        first = stage.at("file")
        with box.Box(self.damaged("admin")) as machine:
            console = machine.console
            machine.wait_for_port()
            first.check_keys(machine)
            console.expect(box.LOGIN)
            console.say("", "Passphrase: ")
            console.say(box.PASSPHRASE, "log in as recover", box.LONG)
            console.expect(box.LOGIN)
            stage.wait_out(console)
            console.say("recover", "Recovery key: ")
            console.say(first.recovery, "characters received")
            self.assertIn("The passphrase is changed", stage.new_passphrase(console, "another long passphrase"))

    def test_damaged_number(self):
        """The number of the revision in force is garbage: the box does not offer its setup to a stranger."""
        first = stage.at("file")
        with box.Box(self.damaged("config/current")) as machine:
            machine.console.expect(box.LOGIN)
            machine.wait_for_port()
            first.check_keys(machine)
            stage.wait_for_banner(machine, "the number of the revision in force is damaged")
            machine.console.say("s")
            machine.console.script_login()
            machine.console.set("cache offline-lease 2h")
            self.assertIn("revision 2", machine.console.run("commit"))
        with box.Box(machine.disk) as machine:
            self.assertNotIn("damaged", machine.console.expect(box.LOGIN))
            machine.console.say("s")
            machine.console.script_login()
            self.assertIn("offline-lease 2h", machine.console.run("show config"))
