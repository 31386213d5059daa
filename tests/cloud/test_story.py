# SPDX-License-Identifier: Apache-2.0
"""vCenter's story with one server, and what of it is seen in the cloud."""

import base64
import os
import subprocess

import client
import test_secrets
import test_vcenter
import vcenter
import world
from nodes import PREFIX, CloudCase


class Story(CloudCase):
    """Key Protect, RSA certificate."""

    settings = ()

    def start(self):
        """The server of this story."""
        return self.node(*self.settings).ready()

    def probe(self, node):
        """Run the probe; what it says."""
        done = subprocess.run([world.BINARY, "probe", "127.0.0.1:%d" % node.port, "--cert", node.identity.cert,
                               "--key", node.identity.key],
                              stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("does all that vCenter asks", done.stdout)
        return done.stdout

    def encrypt(self, node):
        """Encrypt a VM on a fresh host as vCenter does; both keys by their Unique Identifiers."""
        story = test_vcenter.Encrypting()
        story.server, story.client = node, node.identity
        vm, vm_key, host, host_key = story.encrypt(test_vcenter.VM_NAME)
        return {vm: vm_key, host: host_key}

    def test_probe_and_encrypted_vm(self):
        node = self.start()
        self.probe(node)
        keys = self.encrypt(node)
        node.flushed()
        for uid, key in keys.items():
            record = self.wait_for_one(uid)
            payload = base64.b64decode(self.payload(record))
            self.assertEqual(record["name"], PREFIX + uid)
            self.assertTrue(64 < len(payload) <= 7500, len(payload))
            self.assertEqual(record["type"], "application/vnd.ibm.kms.key+json")
            self.assertNotIn(key, payload)
            self.assertEqual(self.ring(record), self.wanted_ring)
        node.stop()
        node.start()
        for uid, key in keys.items():
            self.assertEqual(node.get(uid).good().material, key)
            self.assertEqual(node.attributes(uid)["State"], client.ACTIVE)

    wanted_ring = "default"

    @staticmethod
    def ring(record):
        """The key ring of a record."""
        return record.get("keyRingID", "default")


class StoryWithRingAndAlias(Story):
    """The root key by its alias, records in a key ring of their own."""

    wanted_ring = "holdfast-ring"

    def start(self):
        if self.cloud.kp("POST", "/key_rings/holdfast-ring").status not in (201, 409):
            self.fail("no key ring")
        alias = "alias-" + os.urandom(4).hex()
        made = self.cloud.kp("POST", "/keys/%s/aliases/%s" % (self.root, alias))
        self.assertEqual(made.status, 201, made.data)
        return self.node("keymanager key-ring holdfast-ring", root=alias).ready()


class StoryWithNarrowRights(Story):
    """An API key that may do nothing outside the ring of the records, and with the root key there."""

    wanted_ring = "narrow-ring"

    def start(self):
        self.assertIn(self.cloud.kp("POST", "/key_rings/narrow-ring").status, (201, 409))
        self.root = self.cloud.control("POST", "/keys", {"name": "root in a ring", "extractable": False,
                                                         "keyRingID": "narrow-ring"})["keys"][0]["id"]
        return self.node("keymanager key-ring narrow-ring",
                         api_key=self.make_api_key("Manager", rings=["narrow-ring"])).ready()


class StoryWithEc(Story):
    """The service's certificate has an EC key; TLS 1.2."""

    options = ("--server-key", "ec")

    def start(self):
        self.cloud.set(tls_newest="1.2")
        return super().start()


class StoryAtHpcs(Story):
    """Hyper Protect Crypto Services, whose endpoint the broker tells."""

    options = ("--hpcs", "--region", "eu-de")

    def start(self):
        url = self.cloud.about["broker_url"]
        port = self.cloud.about["port"]
        self.assertIn(str(port), url)
        return self.node("keymanager endpoint -", "keymanager region eu-de",
                         "keymanager broker https://localhost:%d" % port).ready()

    def test_endpoint_is_discovered(self):
        node = self.start()
        self.assertIn("HPCS at https://localhost:%d" % self.cloud.about["port"], node.field("Key manager"))

    def test_unknown_instance(self):
        node = self.node("keymanager endpoint -", "keymanager region eu-de",
                         "keymanager broker https://localhost:%d" % self.cloud.about["port"],
                         "keymanager instance 00000000-0000-4000-8000-000000000000")
        world.wait_for(lambda: "HPCS does not know this instance" in node.lease()[1], "the cause is named")


class Secrets(CloudCase):
    """Key material is nowhere but in answers to those who may have it."""

    def test_no_key_outside(self):
        secrets = {"api key": self.api_key.encode()}
        registering = [os.urandom(32) for _ in range(4)]
        # What these would hit must not be: key material on its way to the cloud.
        self.cloud.fault({"status": 500}, None, path="/actions/wrap$", body="plaintext")
        for material in registering:
            self.cloud.fault({"status": 500}, None, body=base64.b64encode(material).decode())
        node = self.node().ready()
        with node.connect() as connection:
            for i, registered in enumerate(registering):
                uid = connection.create()
                secrets["created %d" % i] = connection.get(uid)
                secrets["registered %d" % i] = registered
                uid = connection.register(registered)
                self.assertEqual(connection.get(uid), registered)
                for name, value in vcenter.PRODUCT:
                    connection.one(client.ADD_ATTRIBUTE, client.uid_field(uid),
                                   client.attribute(name, client.text, value)).good()
                connection.one(client.ACTIVATE, client.uid_field(uid)).good()
        node.flushed()
        said = [node.console(*words) for words in (("show", "status"), ("show", "keys"), ("show", "config"),
                                                   ("show", "memory"), ("cache", "refresh"))]
        said.append(str(node.test_keymanager()))
        self.assertEqual(self.hits(), 0)
        checker = test_secrets.Secrets()
        checker.secrets = secrets
        checker.check_absent("the console", "\n".join(said).encode())
        checker.check_absent("the log", node.log().encode())
        records = self.living()
        self.assertGreaterEqual(len(records), 8)
        for record in self.standard_keys():
            checker.check_absent("metadata", str(record).encode())
        for record in records:
            text = self.payload(record)
            checker.check_absent("a record", text.encode() + base64.b64decode(text))
        for request in self.cloud.control("GET", "/requests")["requests"]:
            checker.check_absent("a request line", request["target"].encode())
        for name in os.listdir(node.state):
            path = os.path.join(node.state, name)
            if os.path.isfile(path) and name != "api-key":
                with open(path, "rb") as file:
                    checker.check_absent(name, file.read())
        with open("/proc/%d/cmdline" % node.process.pid, "rb") as file:
            checker.check_absent("the command line", file.read())

    def test_writes_of_an_encrypted_vm(self):
        """Two record writes a key in the end: the Create, and what follows it."""
        node = self.node("store flush-window 2s").ready()
        before = self.count("POST", r"/keys$")
        story = test_vcenter.Encrypting()
        story.server, story.client = node, node.identity
        story.encrypt()
        node.flushed()
        self.assertLessEqual(self.count("POST", r"/keys$") - before, 4)


