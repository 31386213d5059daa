# SPDX-License-Identifier: Apache-2.0
"""Revoking: what happens to the root key and to records in the cloud reaches the memory of every server."""

import base64
import os
import time
import unittest
from concurrent import futures

import client
import nodes
import world
from nodes import CloudCase

# Seconds that a busy machine may add to the check interval.
SLACK = 3.0


class RootKey(CloudCase):
    """The root key is disabled, deleted, restored, purged, expired."""

    def setUp(self):
        super().setUp()
        self.server = self.node().ready()
        self.uid, self.key = self.server.create()
        self.registered = b"a registered key of 32 bytes ..!"
        with self.server.connect() as connection:
            self.registered_uid = connection.register(self.registered)
            self.assertEqual(connection.get(self.registered_uid), self.registered)
        self.server.flushed()

    def check_wiped(self, node, secrets):
        """None of these is in the memory."""
        if not nodes.may_read_memory():
            return
        try:
            world.wait_for(lambda: not node.holds(secrets), "", 5, 0.1)
        except AssertionError:
            self.fail("keys are still in the memory: %s of %d" % (len(node.holds(secrets)), len(secrets)))

    def revoke(self, what, cause):
        """Revoke, and check everything about it."""
        if nodes.may_read_memory():
            self.assertIn(self.key, self.server.holds({self.key}), "the key that is served has to be found")
        begin = time.monotonic()
        self.change_root(what)
        self.server.wait_for_state("REVOKED", cause)
        self.assertLess(time.monotonic() - begin, 0.5 + SLACK)
        self.check_wiped(self.server, {self.key})
        for answer in (self.server.get(self.uid), self.server.get(self.registered_uid), self.server.new()):
            self.refused(answer, "REVOKED")
        self.assertIn("0, served", self.server.field("Keys in memory"))
        self.assertIn("erased within", self.server.field("Revocation"))
        # What needs no key goes on.
        self.assertEqual(self.server.attributes(self.uid)["State"], client.PRE_ACTIVE)

    def back(self):
        """All is served again."""
        self.server.ready()
        self.assertEqual(self.server.get(self.uid).good().material, self.key)
        self.assertEqual(self.server.get(self.registered_uid).good().material, self.registered)
        self.server.create()

    def test_disable_and_enable(self):
        self.revoke("disable", "is disabled; enable it")
        self.change_root("enable")
        self.back()

    def test_delete_restore_and_purge(self):
        self.revoke("delete", "was deleted; within 30 days it can be restored")
        self.change_root("restore")
        self.back()
        self.change_root("delete")
        self.server.wait_for_state("REVOKED")
        self.change_root("purge")
        self.server.wait_for_state("REVOKED", "is not in this instance")
        self.server.stop()
        self.server.start()
        self.server.wait_for_state("REVOKED", "is not in this instance")
        self.refused(self.server.get(self.uid), "REVOKED")

    def test_expire(self):
        other, other_key = self.server.create()
        self.server.flushed()
        self.change_root("expire")
        self.server.wait_for_state("READ-ONLY", "has expired: keys are unwrapped, none is made")
        self.assertEqual(self.server.get(self.uid).good().material, self.key)
        self.server.console("cache", "erase")
        self.assertEqual(self.server.get(other).good().material, other_key)
        self.refused(self.server.new(), "READ-ONLY")
        # A start meanwhile: keys are served, none is made.
        self.server.stop()
        self.server.start().wait_for_state("READ-ONLY", "has expired")
        self.assertEqual(self.server.get(self.uid).good().material, self.key)
        self.refused(self.server.new(), "READ-ONLY")
        self.change_root("unexpire")
        self.back()

    def test_revoked_at_two_nodes_and_after_a_restart(self):
        other = self.node().ready()
        self.assertEqual(other.get(self.uid).good().material, self.key)
        self.change_root("disable")
        for node in (self.server, other):
            node.wait_for_state("REVOKED", "is disabled")
            self.check_wiped(node, {self.key})
        other.stop()
        other.start().wait_for_state("REVOKED", "is disabled")
        self.refused(other.get(self.uid), "REVOKED")
        self.change_root("enable")
        for node in (self.server, other):
            node.ready()
            self.assertEqual(node.get(self.uid).good().material, self.key)

    def test_late_unwrap_does_not_bring_a_key_back(self):
        """An unwrap that was begun before the revocation is answered after it."""
        self.server.console("cache", "erase")
        self.cloud.fault({"delay_after": 1.5}, path="/actions/unwrap$", body=self.uid)
        with self.server.connect() as connection:
            connection.send(client.ttlv.encode(client.message(client.item(client.GET, client.uid_field(self.uid)))))
            world.wait_for(lambda: self.hits() == 1, "the unwrap is under way")
            self.change_root("disable")
            self.server.wait_for_state("REVOKED")
            answer = connection.receive()[0]
        self.refused(answer, "REVOKED")
        time.sleep(1.6)  # the late answer has come
        self.check_wiped(self.server, {self.key})
        self.refused(self.server.get(self.uid), "REVOKED")

    def test_disabled_while_creating(self):
        """A Create that hangs in the cloud while the root key is disabled is refused or whole."""
        self.cloud.fault({"delay": 1.0}, method="POST", path="/keys$")
        with self.server.connect() as connection:
            connection.send(client.ttlv.encode(client.message(client.item(client.CREATE, *client.create_payload()))))
            world.wait_for(lambda: self.hits() == 1, "the record is under way")
            self.change_root("disable")
            self.server.wait_for_state("REVOKED")
            answer = connection.receive()[0]
        self.change_root("enable")
        self.server.ready()
        if answer.status == client.SUCCESS:
            self.assertEqual(len(self.server.get(answer.uid).good().material), 32)
        self.back()

    def test_another_root_key_than_that_of_the_records(self):
        """A typing error in the settings: nothing is lost, and the cause is told."""
        other = self.cloud.control("POST", "/keys", {"name": "other root", "extractable": False})["keys"][0]["id"]
        node = self.node(root=other).ready()
        self.refused(node.get(self.uid), "the key manager refused this key")
        self.assertIn("was not wrapped by this root key", node.log())
        self.assertEqual(len(self.living(self.uid)), 1)
        self.back()

    def test_root_key_that_is_none(self):
        standard = self.cloud.standard_key()
        for root, cause in ((standard, "names a standard key; name a root key"),
                            ("00000000-0000-4000-8000-000000000000", "is not in this instance"),
                            ("no-such-alias", "is not in this instance")):
            node = self.node(root=root)
            node.wait_for_state("REVOKED", cause)
            self.refused(node.get(self.uid), "REVOKED")
            node.stop()


class Record(CloudCase):
    """A record is deleted in the cloud by its administrator."""

    def delete(self, record):
        """Delete one key in the cloud."""
        self.cloud.control("POST", "/keys/%s/delete" % record["id"])

    def test_deleted_record_is_gone_everywhere(self):
        one, two = self.node().ready(), self.node().ready()
        uid, key = one.create()
        kept, kept_key = one.create()
        one.act(client.ACTIVATE, uid)
        one.flushed()
        for node in (one, two):
            self.assertEqual(node.get(uid).good().material, key)
            self.assertEqual(node.get(kept).good().material, kept_key)
        world.wait_for(lambda: two.attributes(uid)["State"] == client.ACTIVE, "both know the newest record")
        self.delete(self.wait_for_one(uid))
        for node in (one, two):
            world.wait_for(lambda n=node: n.get(uid).reason == client.ITEM_NOT_FOUND, "it is gone", pause=0.05)
            self.assertIn("%s was removed from the key manager by somebody else" % uid, node.log())
            self.assertEqual(node.get(kept).good().material, kept_key)
            if nodes.may_read_memory():
                world.wait_for(lambda n=node: not n.holds({key}), "its key is erased from the memory", 5, 0.1)
        one.stop()
        one.start().ready()
        self.assertEqual(one.get(uid).reason, client.ITEM_NOT_FOUND)
        self.assertEqual(one.get(kept).good().material, kept_key)
        self.assertEqual(self.living(uid), [])

    @unittest.skipUnless(nodes.may_read_memory(), "only root may read the memory of the server")
    def test_messages_with_keys_are_erased_when_they_are_over(self):
        """What went to the key manager and came from there holds keys in base64, in buffers of libcurl and of TLS."""
        one = self.node().ready()
        with futures.ThreadPoolExecutor(8) as at_once:  # each over a connection of its own, which is kept
            keys = dict(at_once.map(lambda _: one.create(), range(8)))
            one.flushed()
            two = self.node().ready()
            self.assertEqual(dict(zip(keys, at_once.map(lambda uid: two.get(uid).good().material, keys))), keys)
        texts = {base64.b64encode(key)[:-4] for key in keys.values()}
        for node in (one, two):
            self.assertEqual(node.holds(set(keys.values())), set(keys.values()))
            world.wait_for(lambda n=node: not n.remembers(texts), "the messages are erased", 5, 0.1)

    @unittest.skipUnless(nodes.may_read_memory(), "only root may read the memory of the server")
    def test_destroyed_key_is_erased_though_its_client_stays(self):
        """It came over a connection that is still open."""
        one = self.node().ready()
        material = os.urandom(32)
        with one.connect() as connection:
            uid = connection.register(material)
            one.flushed()
            one.act(client.DESTROY, uid)
            world.wait_for(lambda: not one.holds({material}), "it is erased", 5, 0.1)

    def test_deleted_while_the_server_is_down(self):
        one = self.node().ready()
        uid, _ = one.create()
        kept, kept_key = one.create()
        one.flushed()
        one.stop()
        self.delete(self.wait_for_one(uid))
        one.start()
        world.wait_for(lambda: one.get(uid).reason == client.ITEM_NOT_FOUND, "it is gone")
        self.assertEqual(one.get(kept).good().material, kept_key)
        self.assertEqual(self.living(uid), [])

    def test_deleted_and_restored(self):
        one = self.node().ready()
        uid, key = one.create()
        record = self.wait_for_one(uid)
        self.delete(record)
        world.wait_for(lambda: one.get(uid).reason == client.ITEM_NOT_FOUND, "it is gone", pause=0.05)
        self.cloud.control("POST", "/keys/%s/restore" % record["id"])
        one.console("cache", "refresh")
        world.wait_for(lambda: one.get(uid).status == client.SUCCESS, "it is back")
        self.assertEqual(one.get(uid).good().material, key)

    def test_damaged_record(self):
        """Somebody stores rubbish under a record's name and description: the others are served."""
        one = self.node().ready()
        uid, key = one.create()
        record = self.wait_for_one(uid)
        for name, description in ((record["name"], record["description"].replace("generation 1", "generation 9")),
                                  ("vmware_kmip_00000000-0000-4000-8000-000000000001", record["description"]),
                                  ("vmware_kmip_nothing", "Holdfast record 1, generation x")):
            self.cloud.control("POST", "/keys", {"name": name, "description": description, "extractable": True,
                                                 "payload": nodes.emulated.b64(b"rubbish")})
        two = self.node().ready()
        world.wait_for(lambda: "is damaged" in two.log(), "it is told")
        for node in (one, two):
            self.assertEqual(node.get(uid).good().material, key)
            node.create()


class Memory(unittest.TestCase):
    """The tests above look into the memory."""

    @unittest.skipUnless(nodes.may_read_memory(), "only root may read the memory of the server")
    def test_memory_can_be_read(self):
        """Else they would find nothing and be content."""
