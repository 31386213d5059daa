# SPDX-License-Identifier: Apache-2.0
"""Roles of the API key and policies of the instance: what works, and what the operator is told."""

import client
import world
from nodes import CloudCase

ROOM = {"create_root_key": True, "create_standard_key": True, "import_root_key": True, "import_standard_key": True,
        "enforce_token": False}


class Roles(CloudCase):
    """API keys with less than Manager."""

    def with_key(self):
        """A key that a Manager's server made."""
        node = self.node().ready()
        uid, key = node.create()
        node.flushed().stop()
        return uid, key

    def test_writer(self):
        """All works but deleting: old records pile up, and the status says so."""
        node = self.node(api_key=self.make_api_key("Writer")).ready()
        uid, key = node.create()
        for i in range(3):
            node.act(client.ADD_ATTRIBUTE, uid, client.attribute("x-%d" % i, client.text, "v"))
            node.flushed()
        world.wait_for(lambda: "old records pile up" in node.warnings(), "the warning")
        self.assertIn("deleting needs the role Manager", node.warnings())
        self.assertIn("could not be removed", node.field("Superseded"))
        self.assertEqual(node.lease(), ("READY", ""))
        self.assertGreater(len(self.living(uid)), 1)
        node.stop()
        other = self.node(api_key=self.make_api_key("Writer")).ready()
        self.assertEqual(other.get(uid).good().material, key)
        self.assertEqual(len([name for name in other.attributes(uid) if name.startswith("x-")]), 3)
        manager = self.node().ready()
        self.assertEqual(manager.get(uid).good().material, key)
        self.wait_for_one(uid)

    def test_writer_destroys(self):
        """Without the right to delete, a destroyed object stays destroyed, at other nodes too."""
        node = self.node(api_key=self.make_api_key("Writer")).ready()
        uid, _ = node.create()
        node.act(client.DESTROY, uid)
        self.assertEqual(node.get(uid).reason, client.ITEM_NOT_FOUND)
        other = self.node(api_key=self.make_api_key("Writer")).ready()
        self.assertEqual(other.get(uid).reason, client.ITEM_NOT_FOUND)

    def test_reader_plus(self):
        """Keys are served, none is made."""
        uid, key = self.with_key()
        node = self.node(api_key=self.make_api_key("ReaderPlus"))
        world.wait_for(lambda: node.get(uid).status == client.SUCCESS, "the key is served", pause=0.1)
        self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual(node.new().status, client.FAILED)
        world.wait_for(lambda: "creating keys needs the role Writer or Manager" in node.log(), "the log says why")
        self.assertIn(node.lease()[0], ("READY", "READ-ONLY"))

    def test_reader(self):
        """No record can be read: the reason is told, nothing is removed."""
        uid, _ = self.with_key()
        node = self.node(api_key=self.make_api_key("Reader"))
        world.wait_for(lambda: "ReaderPlus" in node.log() + " ".join(node.lease()), "the missing role is named")
        self.assertEqual(node.get(uid).status, client.FAILED)
        self.assertEqual(len(self.living(uid)), 1)
        self.node().ready().get(uid).good()

    def test_nobody(self):
        uid, _ = self.with_key()
        node = self.node(api_key=self.make_api_key())
        node.wait_for_state("DENIED", "refuses this API key")
        self.assertEqual(node.get(uid).status, client.FAILED)
        self.refused(node.new(), "DENIED")
        self.assertEqual(len(self.living(uid)), 1)

    def test_rights_taken_and_given_back(self):
        """Roles change while the server runs."""
        node = self.node().ready()
        uid, key = node.create()
        node.flushed()
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"roles": []})
        node.wait_for_state("DENIED", "a role is missing")
        self.assertEqual(node.get(uid).good().material, key)
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"roles": ["Manager"]})
        node.ready().create()
        self.assertEqual(node.get(uid).good().material, key)

    def test_wrong_key_ring(self):
        """The API key's rights are for another ring than that of the records."""
        self.cloud.kp("POST", "/key_rings/some-ring")
        node = self.node("keymanager key-ring some-ring", api_key=self.make_api_key("Manager", rings=["default"]))
        node.ready()
        self.assertEqual(node.new().status, client.FAILED)
        self.assertIn("creating keys needs the role Writer or Manager", node.log())
        self.assertNotRegex(node.log(), "Create [0-9a-f-]{36} ok")


class Policies(CloudCase):
    """Policies of the instance that forbid what the server needs."""

    def policy(self, name, **data):
        """Set a policy of the instance."""
        self.cloud.control("POST", "/instance-policies", {"policy_type": name, "policy_data": data})

    def test_import_of_standard_keys_is_off(self):
        node = self.node().ready()
        uid, key = node.create()
        self.policy("keyCreateImportAccess", enabled=True, attributes=dict(ROOM, import_standard_key=False))
        self.assertEqual(node.new().status, client.FAILED)
        text = ("the instance's policy keyCreateImportAccess forbids to import standard keys; "
                "set import_standard_key to true")
        self.assertIn(text, node.log())
        node.console("cache", "erase")
        self.assertEqual(node.get(uid).good().material, key)
        code, steps, _ = node.test_keymanager()
        self.assertEqual((code, steps["create a record"]), (1, ("FAILED", text)))
        self.policy("keyCreateImportAccess", enabled=True, attributes=ROOM)
        node.create()

    def test_dual_authorization(self):
        self.policy("dualAuthDelete", enabled=True)
        node = self.node().ready()
        uid, key = node.create()
        node.act(client.ACTIVATE, uid)
        node.flushed()
        world.wait_for(lambda: "dualAuthDelete demands two authorizations" in node.warnings(), "the warning")
        self.assertEqual(node.get(uid).good().material, key)
        other = self.node().ready()
        self.assertEqual(other.attributes(uid)["State"], client.ACTIVE)
        self.assertEqual(node.lease(), ("READY", ""))

    def test_private_network_only(self):
        node = self.node().ready()
        uid, key = node.create()
        self.addCleanup(self.cloud.control, "POST", "/instance-policies",
                        {"policy_type": "allowedNetwork", "policy_data": None})
        self.policy("allowedNetwork", enabled=True, attributes={"allowed_network": "private-only"})
        node.wait_for_state("DENIED", "a network rule of the instance keeps this machine out")
        self.assertEqual(node.get(uid).good().material, key)
        self.cloud.set(network="private")
        node.ready().create()

    def test_record_that_is_protected(self):
        """Another service has registered a record: it is not deleted, and that is told."""
        node = self.node().ready()
        uid, key = node.create()
        record = self.wait_for_one(uid)
        self.addCleanup(self.cloud.control, "DELETE", "/registrations")
        self.cloud.control("POST", "/registrations", {"key": record["id"], "preventKeyDeletion": True})
        node.act(client.ACTIVATE, uid)
        world.wait_for(lambda: "old records pile up" in node.warnings(), "the warning")
        self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual(node.lease(), ("READY", ""))
