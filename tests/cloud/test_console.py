# SPDX-License-Identifier: Apache-2.0
"""What the operator types: test keymanager, cache refresh, cache erase; and the rotation of the root key."""

import concurrent.futures

import client
import nodes
import world
from nodes import CloudCase

STEPS = ["IAM token", "root key", "wrap a new key", "unwrap it", "list records", "create a record", "read it",
         "delete it"]


class TestKeymanager(CloudCase):
    """Step by step, each with its time and its reason."""

    def check(self, node, failed=None, text="", others_good=True):
        """Run it; everything is good but the step that fails, which says why."""
        code, steps, said = node.test_keymanager()
        if failed is None:
            self.assertEqual((code, list(steps)), (0, STEPS), said)
            self.assertEqual({word for word, _ in steps.values()}, {"ok"})
            return
        self.assertEqual(code, 1)
        self.assertIn("not ready for use", said)
        self.assertEqual(steps[failed][0], "FAILED", steps)
        self.assertIn(text, steps[failed][1])
        if others_good:
            self.assertEqual([name for name, (word, _) in steps.items() if word != "ok"], [failed])

    def test_good(self):
        node = self.node().ready()
        before = len(self.standard_keys())
        self.check(node)
        self.assertEqual(len(self.living()), 0)
        self.assertLessEqual(len(self.standard_keys()) - before, 1)
        shown = node.console("test", "keymanager")
        self.assertRegex(shown, r"(?m)^IAM token +ok +\d+ ms")
        self.cloud.control("POST", "/drop-connections")
        world.wait_for(lambda: "(TLS after " in node.console_run("test", "keymanager").stdout, "a handshake is timed")
        node.create()

    def test_roles(self):
        for roles, failed, text in (
                (("Writer",), "delete it", "deleting needs the role Manager"),
                (("ReaderPlus",), "create a record", "creating keys needs the role Writer or Manager"),
                ((), "root key", "a role is missing")):
            with self.subTest(roles=roles):
                node = self.node(api_key=self.make_api_key(*roles))
                world.wait_for(lambda n=node: n.lease()[0] != "STARTING", "it has asked")
                self.check(node, failed, text)
                node.kill()

    def test_api_key(self):
        node = self.node(api_key="no such key")
        self.check(node, "IAM token", "IAM does not know this API key")
        node = self.node(api_key=None)
        self.check(node, "IAM token", "there is no API key")

    def test_root_key(self):
        node = self.node().ready()
        for what, text in (("disable", "is disabled; enable it"), ("delete", "was deleted; within 30 days")):
            self.change_root(what)
            node.wait_for_state("REVOKED")
            self.check(node, "root key", text)
            self.change_root("enable" if what == "disable" else "restore")
            node.ready()
        self.change_root("expire")
        node.wait_for_state("READ-ONLY")
        code, steps, _ = node.test_keymanager()
        self.assertEqual(code, 1)
        self.assertEqual(steps["wrap a new key"][0], "FAILED")

    def test_network(self):
        node = self.node("keymanager timeout 1s").ready()
        self.cloud.set(accepting="refuse")
        self.cloud.control("POST", "/drop-connections")
        self.check(node, "IAM token", "no connection; check network, firewall and proxy")
        self.cloud.set(accepting="yes", certificate="untrusted")
        self.cloud.control("POST", "/drop-connections")
        self.check(node, "IAM token", "none of the roots signed it")
        self.cloud.set(certificate="good")
        self.cloud.control("POST", "/drop-connections")
        node.ready()
        self.check(node)

    def test_service(self):
        node = self.node("keymanager timeout 1s").ready()
        for path, method, failed in (("/metadata$", "GET", "root key"), ("/wrap$", "POST", "wrap a new key"),
                                     ("/unwrap$", "POST", "unwrap it"), ("/keys$", "POST", "create a record"),
                                     ("/keys/[^/]*$", "DELETE", "delete it")):
            with self.subTest(failed):
                self.cloud.fault({"status": 503}, None, method=method, path=path)
                try:
                    self.check(node, failed, "Key Protect answered 503")
                finally:
                    self.heal()
                for key in self.standard_keys():
                    self.cloud.control("POST", "/keys/%s/purge" % key["id"])
                node.ready()

    def test_again_and_again_while_the_service_fails(self):
        """The periodic question for the root key's state must not keep the test from its turn."""
        node = self.node("keymanager timeout 1s").ready()
        self.cloud.fault({"status": 503}, None, path="/unwrap$")
        for i in range(25):
            self.assertEqual(node.test_keymanager()[0], 1)
            world.time.sleep(0.02 * (i % 7))

    def test_hanging_service_does_not_block_the_server(self):
        node = self.node("keymanager timeout 1s").ready()
        uid, key = node.create()
        self.cloud.fault({"hang": True}, None, path="/wrap$")
        self.check(node, "wrap a new key", "no answer in time")
        self.assertEqual(node.get(uid).good().material, key)


class Cache(CloudCase):
    """cache erase, cache refresh."""

    def test_erase(self):
        node = self.node().ready()
        keys = dict(node.create() for _ in range(5))
        if nodes.may_read_memory():
            self.assertEqual(node.holds(set(keys.values())), set(keys.values()))
        self.cloud.fault({"status": 503}, None, path="/actions/unwrap$")
        node.console("cache", "erase")
        if nodes.may_read_memory():
            self.assertEqual(node.holds(set(keys.values())), set())
        self.heal()
        before = self.count("POST", "/actions/unwrap")
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)
        self.assertGreaterEqual(self.count("POST", "/actions/unwrap") - before, 1)

    def test_erase_leaves_no_answer_behind(self):
        """What connections to the cloud have kept of the last answers goes with the keys."""
        if not nodes.may_read_memory():
            self.skipTest("needs root to look into the memory")
        node = self.node("sync idle 1h", "sync busy 1h", "cache check-interval 1h",
                         "keymanager timeout 10s").ready()
        keys = dict(node.create() for _ in range(24))
        node.console("cache", "erase")
        self.cloud.set(round_trip_ms=100)  # so that all connections are used at once
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            got = dict(zip(keys, pool.map(lambda uid: node.get(uid).good().material, keys)))
        self.assertEqual(got, keys)
        self.cloud.fault({"status": 503}, None, path="/actions/unwrap$")
        node.console("cache", "erase")
        self.assertEqual(node.holds(set(keys.values())), set())
        self.cloud.set(round_trip_ms=0)

    def test_refresh(self):
        """What intervals of an hour would find late is found at once."""
        slow = ("sync idle 1h", "sync busy 1h", "cache check-interval 1h")
        one, two = self.node(*slow).ready(), self.node(*slow).ready()
        uid, key = one.create()
        self.assertEqual(two.get(uid).good().material, key)
        one.act(client.ACTIVATE, uid)
        one.flushed()
        two.console("cache", "refresh")
        world.wait_for(lambda: two.attributes(uid)["State"] == client.ACTIVE, "the change is read")
        self.cloud.control("POST", "/keys/%s/delete" % self.wait_for_one(uid)["id"])
        two.console("cache", "refresh")
        world.wait_for(lambda: two.get(uid).reason == client.ITEM_NOT_FOUND, "the deletion is seen")
        self.change_root("disable")
        two.console("cache", "refresh")
        two.wait_for_state("REVOKED", "is disabled")
        self.change_root("enable")
        two.console("cache", "refresh")
        two.ready()


class Rotation(CloudCase):
    """The root key is rotated: all records are wrapped anew, and nobody notices."""

    KEYS = 12

    def versions(self):
        """The versions of the root key, oldest first."""
        return [one["id"] for one in self.cloud.control("GET", "/keys/" + self.root)["versions"]]

    def test_rewrap_with_two_nodes(self):
        one, two = self.node().ready(), self.node().ready()
        keys = dict(one.create() for _ in range(self.KEYS))
        for uid, key in keys.items():
            self.assertEqual(two.get(uid).good().material, key)
        one.flushed()
        before = {record["id"] for record in self.living()}
        self.change_root("rotate")
        seen = set()

        def done():
            for node in (one, two):
                seen.add(bool(node.field("Root key rotated")))
            return len(self.living()) == self.KEYS and not before & {record["id"] for record in self.living()}

        world.wait_for(done, "every record is wrapped anew", pause=0.1)
        self.assertIn(True, seen, "the progress was never shown")
        world.wait_for(lambda: not one.field("Root key rotated") and not two.field("Root key rotated"), "it is over")
        self.assertIn("the root key was rotated: ", one.log() + two.log())
        # Nobody is wrapped under the older version any more: the records alone open with a third node.
        for uid in keys:
            self.wait_for_one(uid)
        third = self.node().ready()
        for node in (one, two, third):
            node.console("cache", "erase")
            for uid, key in keys.items():
                self.assertEqual(node.get(uid).good().material, key)
        for uid, _ in [third.create()]:
            self.assertEqual(len(one.get(uid).good().material), 32)
        self.assertRegex(one.log() + two.log(), r"[0-9]+ keys were wrapped anew, 0 were not")

    def test_unwrap_that_brings_a_new_ciphertext(self):
        """Served while the sweep has not come to it; rotation while the server is down."""
        node = self.node().ready()
        keys = dict(node.create() for _ in range(4))
        node.flushed().stop()
        self.change_root("rotate")
        self.change_root("rotate")
        node.start().ready()
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)
        world.wait_for(lambda: "keys were wrapped anew" in node.log(), "the sweep ends")
        node.flushed()
        for uid in keys:
            self.wait_for_one(uid)
        node.console("cache", "erase")
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)

    def test_changes_while_it_is_swept(self):
        """Attributes, Revoke and Destroy meanwhile are not lost and not undone."""
        node = self.node().ready()
        keys = dict(node.create() for _ in range(6))
        for uid in keys:
            node.act(client.ACTIVATE, uid)
        node.flushed()
        self.change_root("rotate")
        world.wait_for(lambda: "the root key was rotated" in node.log(), "the sweep begins")
        uids = list(keys)
        reason = client.structure("Revocation Reason", client.enumeration("Revocation Reason Code", 6))
        for uid in uids[:4]:
            node.act(client.ADD_ATTRIBUTE, uid, client.attribute("x-Name", client.text, "meanwhile"))
        for uid in uids[4:]:
            node.act(client.REVOKE, uid, reason)
        node.act(client.DESTROY, uids[5])
        world.wait_for(lambda: "keys were wrapped anew" in node.log(), "the sweep ends")
        node.flushed()
        other = self.node().ready()
        for each in (node, other):
            for uid in uids[:4]:
                self.assertEqual(each.attributes(uid)["x-Name"], "meanwhile")
                self.assertEqual(each.get(uid).good().material, keys[uid])
            self.assertEqual(each.attributes(uids[4])["State"], client.DEACTIVATED)
            self.assertEqual(each.get(uids[5]).reason, client.ITEM_NOT_FOUND)
        for uid in uids[:5]:
            self.wait_for_one(uid)
