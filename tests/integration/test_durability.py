# SPDX-License-Identifier: Apache-2.0
"""What a client was told is there after the server was killed at any moment."""

import os
import random
import re
import signal
import threading
import time
import unittest

import client
import world
from client import Closed, Connection


class Thing:
    """What a client knows of one key, and what it asked for without an answer."""

    def __init__(self, uid):
        self.uid = uid
        self.material = None
        self.state = client.PRE_ACTIVE
        self.destroyed = False
        self.attributes = {}
        self.asked = None  # ("state", value), ("destroyed", True) or ("attribute", name)

    def __str__(self):
        return "%s state %s destroyed %s attributes %s asked %s" % (
            self.uid, self.state, self.destroyed, self.attributes, self.asked)


class Worker(threading.Thread):
    """A client that makes keys and changes them until the server is gone."""

    def __init__(self, server, identity, things, seed):
        super().__init__(daemon=True)
        self.server, self.identity, self.things = server, identity, things
        self.random = random.Random(seed)
        self.error = None

    def run(self):
        try:
            with Connection(self.server, self.identity) as connection:
                while True:
                    self.live(connection)
        except Closed:
            pass
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def live(self, connection):
        """One key's life, or a part of it."""
        thing = Thing(connection.create())
        self.things.append(thing)
        thing.material = connection.get(thing.uid)
        uid = client.uid_field(thing.uid)
        for name in self.random.sample(("x-Identifier", "x-Component", "x-Name"), self.random.randrange(4)):
            value = "%s of %s %d" % (name, thing.uid, self.random.randrange(1000))
            thing.asked = ("attribute", name)
            connection.one(client.ADD_ATTRIBUTE, uid, client.attribute(name, client.text, value)).good()
            thing.attributes[name] = value
            thing.asked = None
        if self.random.random() < 0.7:
            self.change(connection, thing, client.ACTIVATE, (uid,), client.ACTIVE)
            if self.random.random() < 0.6:
                reason = client.structure("Revocation Reason", client.enumeration("Revocation Reason Code", 6))
                self.change(connection, thing, client.REVOKE, (uid, reason), client.DEACTIVATED)
        if thing.state != client.ACTIVE and self.random.random() < 0.7:
            thing.asked = ("destroyed", True)
            connection.one(client.DESTROY, uid).good()
            thing.destroyed = True
            thing.asked = None

    @staticmethod
    def change(connection, thing, operation, payload, state):
        """An operation that leads to another State."""
        thing.asked = ("state", state)
        connection.one(operation, *payload).good()
        thing.state = state
        thing.asked = None


class Kill(unittest.TestCase):
    """The whole process group is killed under load, again and again."""

    ROUNDS, WORKERS = 15, 4

    def setUp(self):
        self.seed = int.from_bytes(os.urandom(4), "big")
        self.random = random.Random(self.seed)
        self.client = world.identity("vcenter")
        self.server = world.Server(clients=[self.client]).start()
        self.addCleanup(self.server.kill)
        self.things = []

    def check(self, connection, thing):
        """Compare one key with what its client knows. Then its client knows what is."""
        uid, told = client.uid_field(thing.uid), "%s (seed %d)" % (thing, self.seed)
        answer = connection.one(client.GET, uid)
        if thing.destroyed:
            self.assertEqual(answer.reason, client.ITEM_NOT_FOUND, told)
            return
        if answer.status == client.FAILED:
            self.assertEqual((thing.asked, answer.reason), (("destroyed", True), client.ITEM_NOT_FOUND), told)
            thing.destroyed, thing.asked = True, None
            return
        if thing.material is not None:
            self.assertEqual(answer.material, thing.material, told)
        thing.material = answer.material
        self.assertEqual(len(thing.material), 32, told)
        found = connection.one(client.GET_ATTRIBUTES, uid).good().attributes
        if thing.asked and thing.asked[0] == "state":
            self.assertIn(found["State"], (thing.state, thing.asked[1]), told)
        else:
            self.assertEqual(found["State"], thing.state, told)
        thing.state = found["State"]
        custom = {name: value for name, value in found.items() if name.startswith("x-")}
        if thing.asked and thing.asked[0] == "attribute":
            custom.pop(thing.asked[1], None)
            if thing.asked[1] in found:
                thing.attributes[thing.asked[1]] = custom[thing.asked[1]] = found[thing.asked[1]]
        self.assertEqual(custom, thing.attributes, told)
        thing.asked = None

    def check_some(self, things):
        with Connection(self.server, self.client) as connection:
            for thing in things:
                self.check(connection, thing)

    def round(self):
        """Load, kill, restart, look."""
        workers = [Worker(self.server, self.client, [], self.random.random()) for _ in range(self.WORKERS)]
        for worker in workers:
            worker.start()
        time.sleep(self.random.uniform(0.05, 0.5))
        self.server.kill()
        for worker in workers:
            worker.join(world.PATIENCE)
            if worker.error is not None:
                raise worker.error
        self.server.start()
        new = [thing for worker in workers for thing in worker.things]
        self.check_some(new)
        self.check_some(self.random.sample(self.things, min(50, len(self.things))))
        self.things += new

    def test_kill_under_load(self):
        for _ in range(self.ROUNDS):
            self.round()
        self.assertGreater(len(self.things), self.ROUNDS)
        self.assertGreater(sum(thing.destroyed for thing in self.things), 0)
        self.check_some(self.things)
        self.server.stop()
        self.server.start()
        self.check_some(self.things)
        self.check_unknown()

    def check_unknown(self):
        """A Create without an answer left no key, or a whole one."""
        known = {thing.uid for thing in self.things}
        listed = re.findall(r" ([0-9a-f]{8}-[0-9a-f-]{27}) .$", self.server.console("show", "keys"), re.MULTILINE)
        living = {thing.uid for thing in self.things if not thing.destroyed}
        self.assertLessEqual(living, set(listed))
        orphans = set(listed) - known
        self.assertLessEqual(len(orphans), self.ROUNDS * self.WORKERS)
        with Connection(self.server, self.client) as connection:
            for uid in orphans:
                self.assertEqual(len(connection.get(uid)), 32)


class Restart(unittest.TestCase):
    """Starts and stops."""

    def setUp(self):
        self.client = world.identity("vcenter")
        self.server = world.Server(clients=[self.client]).start()
        self.addCleanup(self.server.kill)

    def test_second_start_keeps_everything(self):
        with Connection(self.server, self.client) as connection:
            keys = {uid: connection.get(uid) for uid in [connection.create() for _ in range(5)]}
            certificate = connection.tls.getpeercert(True)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        with Connection(self.server, self.client) as connection:
            self.assertEqual({uid: connection.get(uid) for uid in keys}, keys)
            self.assertEqual(connection.tls.getpeercert(True), certificate)

    def test_second_server_on_the_same_folder_is_refused(self):
        second = world.Server(state=self.server.state)
        self.addCleanup(second.kill)
        code, said = second.start_refused()
        self.assertEqual(code, 1)
        self.assertIn("another server uses it", said)
        self.assertIn(self.server.state, said)
        with Connection(self.server, self.client) as connection:
            connection.create()
        self.assertIn("READY", self.server.console("show", "status"))

    def test_lost_disk_process_ends_the_server(self):
        """Exit code 3 tells the supervisor; nothing that was confirmed is lost."""
        with Connection(self.server, self.client) as connection:
            uid = connection.create()
            key = connection.get(uid)
        pid = self.server.process.pid
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
            children = [int(word) for word in file.read().split()]
        self.assertEqual(len(children), 1)
        os.kill(children[0], signal.SIGKILL)
        self.assertEqual(self.server.process.wait(world.PATIENCE), 3)
        self.assertIn("disk process has ended", self.server.log())
        self.server.start()
        with Connection(self.server, self.client) as connection:
            self.assertEqual(connection.get(uid), key)

    def test_stop_under_load_loses_nothing(self):
        things = []
        worker = Worker(self.server, self.client, things, 1)
        worker.start()
        world.wait_for(lambda: len(things) > 20, "some keys are made")
        self.assertEqual(self.server.stop(), 0)
        worker.join(world.PATIENCE)
        self.assertIsNone(worker.error)
        self.server.start()
        with Connection(self.server, self.client) as connection:
            for thing in things:
                if not thing.destroyed and thing.asked is None:
                    self.assertEqual(connection.get(thing.uid), thing.material or connection.get(thing.uid))
