# SPDX-License-Identifier: Apache-2.0
"""Trouble around the server: root key gone, disk full, files damaged."""

import glob
import os
import subprocess
import unittest

import client
import vcenter
import world
from client import Connection


class Case(unittest.TestCase):
    """A server that asks about the root key every second, with a few keys."""

    SETTINGS = ("cache check-interval 1s", "store flush-window 100ms")

    def setUp(self):
        self.client = world.identity("vcenter")
        self.server = world.Server(self.SETTINGS, clients=[self.client], state=self.state()).start()
        self.addCleanup(self.server.kill)
        with Connection(self.server, self.client) as connection:
            self.keys = {uid: connection.get(uid) for uid in [connection.create() for _ in range(5)]}

    def state(self):
        """The state folder; None for one of the server's own."""

    def file(self, name):
        """A file of the state folder."""
        return os.path.join(self.server.state, name)

    def check_all(self):
        """All keys are as they were."""
        with Connection(self.server, self.client) as connection:
            for uid, key in self.keys.items():
                self.assertEqual(connection.get(uid), key)

    def wait_for_state(self, state):
        world.wait_for(lambda: "State            " + state in self.server.console("show", "status"),
                       "the state is " + state, pause=0.1)

    def wait_until_stored(self):
        world.wait_for(lambda: " 0 on their way" in self.server.console("show", "status"), "all is stored")


class RootKey(Case):
    """The file root.key, which stands for the root key of a cloud."""

    def check_revoked(self, why):
        self.wait_for_state("REVOKED")
        self.assertIn(why, self.server.console("show", "status"))
        with Connection(self.server, self.client) as connection:
            for uid in self.keys:
                answer = connection.one(client.GET, client.uid_field(uid))
                self.assertEqual((answer.status, answer.reason), (client.FAILED, client.GENERAL_FAILURE))
                self.assertIn("REVOKED", answer.text)
            answer = connection.one(client.CREATE, *client.create_payload())
            self.assertEqual((answer.status, answer.reason), (client.FAILED, client.GENERAL_FAILURE))
            self.assertTrue(answer.text)
            # What needs no key is answered.
            connection.one(client.DISCOVER_VERSIONS).good()
            self.assertEqual(connection.state(next(iter(self.keys))), client.PRE_ACTIVE)
        self.assertRegex(self.server.console("show", "status"), r"Keys in memory +0,")
        self.assertIn("REVOKED", self.server.log())

    def test_moved_away_and_back(self):
        os.rename(self.file("root.key"), self.file("elsewhere"))
        self.check_revoked("not there")
        os.rename(self.file("elsewhere"), self.file("root.key"))
        self.wait_for_state("READY")
        self.check_all()
        with Connection(self.server, self.client) as connection:
            connection.get(connection.create())

    def test_another_root_key(self):
        os.rename(self.file("root.key"), self.file("elsewhere"))
        with open(self.file("root.key"), "wb") as file:
            file.write(bytes(32))
        self.check_revoked("not the root key")
        os.rename(self.file("elsewhere"), self.file("root.key"))
        self.wait_for_state("READY")
        self.check_all()

    def test_restart_without_it_makes_no_other(self):
        self.server.stop()
        os.rename(self.file("root.key"), self.file("elsewhere"))
        try:
            self.server.start()
        except AssertionError as refused:
            self.assertIn("root.key", str(refused))
        else:
            self.check_revoked("not there")
            self.server.stop()
        self.assertFalse(os.path.exists(self.file("root.key")), "a new root key over old records")
        os.rename(self.file("elsewhere"), self.file("root.key"))
        self.server.start()
        self.check_all()

    def test_cache_erase(self):
        self.server.console("cache", "erase")
        self.check_all()
        for _ in range(20):
            self.server.console("cache", "erase")
            self.check_all()

    def test_cache_erase_under_load(self):
        uid, key = next(iter(self.keys.items()))
        with client.Witness(self.server, self.client, uid, key) as witness:
            for _ in range(20):
                self.server.console("cache", "erase")
                with Connection(self.server, self.client) as connection:
                    connection.get(connection.create())
        self.assertGreater(len(witness.times), 20)


class Damage(Case):
    """Files that a crash or a bad disk left damaged."""

    def newest(self, log):
        """The newest segment of a log."""
        return sorted(glob.glob(self.file(log + "-*.log")))[-1]

    def damaged(self, log, damage):
        """Stop, damage the end of a log, start, look."""
        self.wait_until_stored()
        self.server.stop()
        path = self.newest(log)
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(damage(data))
        self.server.start()
        self.check_all()
        with Connection(self.server, self.client) as connection:
            uid = connection.create()
            self.keys[uid] = connection.get(uid)
        self.server.kill()
        self.server.start()
        self.check_all()

    def test_truncated_tails(self):
        for log in ("journal", "records"):
            for cut in (1, 7, 100):
                with self.subTest(log=log, cut=cut):
                    self.damaged(log, lambda data, n=cut: data[:-n])

    def test_garbage_at_the_end(self):
        for log in ("journal", "records"):
            for garbage in (b"\0" * 4096, b"\xff" * 77, os.urandom(500)):
                with self.subTest(log=log, garbage=garbage[:4]):
                    self.damaged(log, lambda data, more=garbage: data + more)

    def test_bit_flipped_in_the_tail(self):
        for log in ("journal", "records"):
            with self.subTest(log=log):
                self.damaged(log, lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])

    def test_journal_gone(self):
        """Everything that was stored is with the key manager."""
        self.wait_until_stored()
        self.server.stop()
        for path in glob.glob(self.file("journal-*.log")):
            os.unlink(path)
        self.server.start()
        world.wait_for(lambda: self.server.console("show", "keys", "count").startswith("%d\n" % len(self.keys)),
                       "all is read back")
        self.check_all()


@unittest.skipUnless(os.geteuid() == 0, "only root may mount a small file system")
class DiskFull(Case):
    """A state folder on a file system of its own, of 2 MiB."""

    def state(self):
        path = world.folder("small")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "none", path], check=False,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            self.skipTest("a small file system cannot be mounted: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", path], check=False)
        return path

    def fill(self):
        """Leave no byte."""
        with open(self.file("filler"), "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(bytes(size)):
                        continue
                except OSError:
                    continue

    def create_until_refused(self, connection):
        """There may be room in the last page. The refusal."""
        for _ in range(5000):
            answer = connection.one(client.CREATE, *client.create_payload())
            if answer.status == client.FAILED:
                return answer
            self.keys[answer.uid] = connection.get(answer.uid)
        raise AssertionError("the disk never got full")

    def test_full_disk(self):
        self.fill()
        uid, key = next(iter(self.keys.items()))
        with Connection(self.server, self.client) as connection:
            for _ in range(3):
                answer = self.create_until_refused(connection)
                self.assertEqual(answer.reason, client.GENERAL_FAILURE)
                self.assertRegex(answer.text, "disk|stored")
            connection.send(vcenter.add_attributes(uid, vcenter.PRODUCT))
            answer = connection.receive()[-1]
            self.assertEqual((answer.status, answer.reason), (client.FAILED, client.GENERAL_FAILURE))
            self.assertTrue(answer.text)
            self.assertEqual(connection.get(uid), key)
        self.check_all()
        self.assertRegex(self.server.log(), "(?i)no space left")
        done = self.server.console_run("client", "add", "more", world.identity("p256", "prime256v1").cert)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not on disk", done.stderr)

        os.unlink(self.file("filler"))

        def created():
            with Connection(self.server, self.client) as connection:
                answer = connection.one(client.CREATE, *client.create_payload())
                if answer.status == client.FAILED:
                    return False
                self.keys[answer.uid] = connection.get(answer.uid)
                connection.one(client.ACTIVATE, client.uid_field(answer.uid)).good()
                return True

        world.wait_for(created, "it works again", pause=0.2)
        with Connection(self.server, self.client) as connection:
            connection.send(vcenter.add_attributes(uid, vcenter.PRODUCT))
            for answer in connection.receive():
                answer.good()
        self.check_all()
        self.server.kill()
        self.server.start()
        self.check_all()
