# SPDX-License-Identifier: Apache-2.0
"""Starts, and calls that hang: who is served meanwhile."""

import time

import client
import test_vcenter
import world
from client import Connection, Witness
from nodes import CloudCase


class Hanging(CloudCase):
    """One call hangs; nobody else notices."""

    def test_warm_gets_go_on(self):
        node = self.node("keymanager timeout 4s", "server request-timeout 10s").ready()
        uid, key = node.create()
        cold, cold_key = node.create()
        node.flushed()
        node.console("cache", "erase")
        self.assertEqual(node.get(uid).good().material, key)
        self.cloud.fault({"hang": True}, 1, path="/actions/unwrap$", body=cold)
        with Witness(node, node.identity, uid, key) as witness:
            with node.connect() as waiting:
                waiting.send(client.ttlv.encode(client.message(client.item(client.GET, client.uid_field(cold)))))
                world.wait_for(lambda: self.hits() == 1, "the call hangs")
                begin, served = time.monotonic(), len(witness.times)
                for _ in range(10):
                    with node.connect() as other:
                        self.assertEqual(other.get(uid), key)
                created = node.create()
                self.assertEqual(len(created[1]), 32)
                self.assertLess(time.monotonic() - begin, 3, "others wait for the call that hangs")
                waiting.receive()
            self.assertGreater(len(witness.times) - served, 20)
        self.assertLess(witness.longest(), 3)
        world.wait_for(lambda: node.get(cold).status == client.SUCCESS, "it is fetched when the call is given up")
        self.assertEqual(node.get(cold).good().material, cold_key)

    def test_all_calls_hang(self):
        """Even then warm keys are served and the console answers."""
        node = self.node("keymanager timeout 3s", "cache offline-lease 1h").ready()
        keys = dict(node.create() for _ in range(30))
        node.flushed()
        warm = list(keys)[0]
        node.console("cache", "erase")
        self.assertEqual(node.get(warm).good().material, keys[warm])
        self.cloud.fault({"hang": True}, None)

        def ask(uid):
            with node.connect() as connection:
                connection.one(client.GET, client.uid_field(uid))

        with Witness(node, node.identity, warm, keys[warm]) as witness:
            test_vcenter.together(*(lambda u=uid: ask(u) for uid in list(keys)[1:21]))
            node.status()
        self.assertLess(witness.longest(), 3)
        self.heal()
        self.cloud.control("POST", "/drop-connections")
        node.ready()
        for uid, key in keys.items():
            world.wait_for(lambda u=uid: node.get(u).status == client.SUCCESS, "all are served again")
            self.assertEqual(node.get(uid).good().material, key)


class Restart(CloudCase):
    """After a restart."""

    def test_used_keys_are_fetched_without_being_asked(self):
        node = self.node("store flush-window 100ms").ready()
        keys = dict(node.create() for _ in range(12))
        with node.connect() as connection:
            unused = [connection.create() for _ in range(3)]
        node.flushed().stop()
        self.cloud.control("POST", "/reset-counters")
        node.start().ready()
        world.wait_for(lambda: self.count("POST", "/actions/unwrap") >= len(keys), "the keys are fetched")
        world.wait_for(lambda: "fetched %d times" % len(keys) in node.field("Keys in memory"), "and no others", 5)
        self.cloud.fault({"status": 503}, None, path="/actions/unwrap$")
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)
        self.heal()
        for uid in unused:
            self.assertEqual(len(node.get(uid).good().material), 32)

    def test_used_keys_after_a_kill(self):
        node = self.node().ready()
        keys = dict(node.create() for _ in range(6))
        node.flushed()
        node.stop()
        node.start().ready()
        for uid in keys:
            node.get(uid).good()
        node.kill()
        node.start().ready()
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)

    def test_boot_storm(self):
        """All hosts ask at once while the server starts, far from the cloud: one fetch for each key."""
        node = self.node("store flush-window 100ms").ready()
        with node.connect() as connection:
            uids = []
            while len(uids) < 100:
                uids += [answer.good().uid for answer in connection.ask(
                    *(client.item(client.CREATE, *client.create_payload(), number=i + 1) for i in range(20)))]
            keys = {uid: connection.get(uid) for uid in uids}
        node.flushed().stop()
        self.cloud.set(round_trip_ms=40)
        self.cloud.control("POST", "/reset-counters")
        node.start()

        def host(some):
            with Connection(node, node.identity) as connection:
                for uid in some:
                    if connection.get(uid) != keys[uid]:
                        raise AssertionError("another key")

        test_vcenter.together(*(lambda part=uids[i % 10::10]: host(part) for i in range(20)))
        # One question for the root key's state now and then unwraps too.
        self.assertLess(self.count("POST", "/actions/unwrap"), len(keys) + 40)

    def test_without_a_disk(self):
        """store journal off: everything comes from the cloud."""
        node = self.node("store journal off").ready()
        uid, key = node.create()
        node.act(client.ACTIVATE, uid)
        node.act(client.ADD_ATTRIBUTE, uid, client.attribute("x-Name", client.text, "kept"))
        node.kill()
        node.start().ready()
        self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual(node.attributes(uid)["State"], client.ACTIVE)
        self.assertEqual(node.attributes(uid)["x-Name"], "kept")
        self.wait_for_one(uid)

    def test_commit_to_the_key_manager(self):
        """store commit keymgr: an answered change is in the cloud."""
        node = self.node("store commit keymgr").ready()
        uid, _ = node.create()
        node.act(client.ACTIVATE, uid)
        other = self.node().ready()
        self.assertEqual(other.attributes(uid)["State"], client.ACTIVE)
