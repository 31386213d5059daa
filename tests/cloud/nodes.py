# SPDX-License-Identifier: Apache-2.0
"""An emulated cloud, servers that have their keys there, and what can be seen of both."""

import base64
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "keyprotect_emulator", "checks"))
sys.path.insert(1, os.path.join(HERE, "..", "integration"))

import client  # noqa: E402  pylint: disable=wrong-import-position
import cloud as emulated  # noqa: E402  pylint: disable=wrong-import-position
import world  # noqa: E402  pylint: disable=wrong-import-position

# Short, so that everything happens soon; what a test is about it sets itself.
SHORT = ("keymanager timeout 2s", "cache check-interval 500ms", "cache offline-lease 1h", "sync busy 200ms",
         "sync idle 500ms", "store flush-window 200ms", "server request-timeout 8s")
# Key states of Key Protect.
ACTIVE, DESTROYED = 1, 5
PREFIX = "vmware_kmip_"

_clouds = {}


def cloud_of(*options):
    """Return the emulator with these options; it is started once."""
    if options not in _clouds:
        _clouds[options] = emulated.Cloud(*options)
    return _clouds[options]


def stop_clouds():
    """End all emulators, by their process ids."""
    _clouds.clear()
    emulated.stop_all()


class Node(world.Server):
    """A server whose root key is in the emulated cloud."""

    def __init__(self, cloud, root_key, api_key, settings=(), **more):
        self.cloud = cloud
        self.identity = world.identity("vcenter")
        url = "https://localhost:%d" % cloud.about["port"]
        given = {setting.rpartition(" ")[0] for setting in settings}
        kind = "hpcs" if cloud.about["hpcs"] else "keyprotect"
        normal = ("keymanager type " + kind, "keymanager endpoint " + url, "keymanager iam " + url,
                  "keymanager instance " + cloud.about["instance_id"], "keymanager root-key " + root_key,
                  "keymanager roots " + cloud.about["ca"], "log level debug") + SHORT
        super().__init__([one for one in normal if one.rpartition(" ")[0] not in given]
                         + [one for one in settings if not one.endswith(" -")], clients=[self.identity], **more)
        self.api_key_path = os.path.join(self.state, "api-key")
        if api_key is not None:
            self.write_api_key(api_key)

    def write_api_key(self, value, mode=0o600):
        """Put the API key into its file, in one go."""
        new = self.api_key_path + ".new"
        with open(new, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, mode)) as file:
            file.write(value + "\n")
        os.chmod(new, mode)
        os.rename(new, self.api_key_path)

    def connect(self, **more):
        """A connection of the enrolled client."""
        return client.Connection(self, self.identity, **more)

    def create(self):
        """Create a key on a connection of its own; Unique Identifier and material."""
        with self.connect() as connection:
            uid = connection.create()
            return uid, connection.get(uid)

    def ask(self, operation, *payload):
        """One operation on a connection of its own; its Answer, good or not."""
        with self.connect() as connection:
            return connection.one(operation, *payload)

    def get(self, uid):
        """Get on a connection of its own; its Answer, good or not."""
        return self.ask(client.GET, client.uid_field(uid))

    def new(self):
        """Create on a connection of its own; its Answer, good or not."""
        return self.ask(client.CREATE, *client.create_payload())

    def act(self, operation, uid, *payload):
        """An operation on a key that has to succeed, on a connection of its own."""
        return self.ask(operation, client.uid_field(uid), *payload).good()

    def attributes(self, uid):
        """All attributes, without those that each look at the clock changes."""
        return self.act(client.GET_ATTRIBUTES, uid).attributes

    def status(self):
        """What `show status` says."""
        return self.console("show", "status")

    def field(self, name):
        """One field of `show status`, its lines joined by blanks; empty when it is not there."""
        found = re.search(r"^%-16s ?((?:.*)(?:\n {17}.*)*)" % re.escape(name), self.status(), re.MULTILINE)
        return " ".join(found.group(1).split()) if found else ""

    def lease(self):
        """State and cause."""
        return self.field("State").split()[0], self.field("Cause")

    def wait_for_state(self, state, cause="", seconds=world.PATIENCE):
        """Wait for a state whose cause holds this text."""
        seen = []

        def there():
            seen[:] = self.lease()
            return seen[0] == state and cause in seen[1]

        try:
            world.wait_for(there, "%s %s" % (state, cause), seconds, 0.05)
        except AssertionError as error:
            raise AssertionError("%s; it is %s" % (error, " ".join(seen))) from None
        return self

    def ready(self):
        """Wait for the state READY. Returns self."""
        return self.wait_for_state("READY")

    def flushed(self):
        """Wait until the key manager has everything."""
        world.wait_for(lambda: " 0 on their way" in self.status(), "all changes are in the key manager", pause=0.05)
        return self

    def test_keymanager(self):
        """Run `test keymanager`; exit code, and what it said of each step by its name."""
        done = []

        def tried():
            done[:] = [self.console_run("test", "keymanager")]
            return "try again" not in done[0].stdout + done[0].stderr

        world.wait_for(tried, "the key manager can be tested")
        steps = re.findall(r"^(\S.{15}) (ok|FAILED) +(\d+) ms *(.*)$", done[0].stdout, re.MULTILINE)
        return done[0].returncode, {name.strip(): (word, text) for name, word, _, text in steps}, done[0].stderr

    def warnings(self):
        """The lines of warnings."""
        return "\n".join(re.findall(r"^Warnings +(.*)", self.status(), re.MULTILINE))

    def listed(self):
        """The Unique Identifiers that `show keys` lists."""
        return set(re.findall(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", self.console("show", "keys")))

    def holds(self, secrets):
        """Which of some secrets are in the memory of the process, as they are or in base64 (needs root)."""
        in_base64 = {secret: base64.b64encode(secret)[:-4] for secret in secrets}  # the last group depends on what follows
        found = self.remembers(secrets | set(in_base64.values()))
        return {secret for secret in secrets if secret in found or in_base64[secret] in found}

    def remembers(self, texts):
        """Which of some byte strings are in the writable memory of the process (needs root)."""
        found = set()
        with open("/proc/%d/maps" % self.process.pid, encoding="ascii") as maps, \
                open("/proc/%d/mem" % self.process.pid, "rb", 0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                if not rights.startswith("rw") or "[v" in line:
                    continue
                start, end = (int(number, 16) for number in span.split("-"))
                try:
                    memory.seek(start)
                    content = memory.read(end - start)
                except OSError:
                    continue
                found.update(text for text in texts if text in content)
        return found


def may_read_memory():
    """Whether this process may look into another user's or an undumpable process."""
    return os.geteuid() == 0


class CloudCase(unittest.TestCase):
    """Tests that share an emulator; each has a root key, an API key and servers of its own."""

    options = ()
    roles = ("Manager",)

    def setUp(self):
        self.cloud = cloud_of(*self.options)
        self.reset()
        self.root = self.cloud.control("POST", "/keys", {"name": "root", "extractable": False})["keys"][0]["id"]
        self.api_key = self.make_api_key(*self.roles)
        self.addCleanup(self.reset)

    def reset(self):
        """The cloud as it was, without records."""
        self.cloud.control("DELETE", "/faults")
        self.cloud.set(accepting="yes", certificate="good", date_skew=0, round_trip_ms=0, list_lag_ms=0,
                       network="public", token_lifetime=3600, tokens_outlive_api_key=True, expired_token_status=400)
        for policy in ("keyCreateImportAccess", "dualAuthDelete"):
            self.cloud.control("POST", "/instance-policies", {"policy_type": policy, "policy_data": None})
        for key in self.cloud.control("GET", "/keys")["keys"]:
            if key["extractable"]:
                self.cloud.control("POST", "/keys/%s/purge" % key["id"])

    def make_api_key(self, *roles, rings=None):
        """A new API key; its value."""
        made = self.cloud.control("POST", "/api-keys", {"name": "test", "roles": list(roles), "key_rings": rings})
        return made["value"]

    def node(self, *settings, api_key="", root=None, start=True, **more):
        """A server, started; it ends with the test."""
        made = Node(self.cloud, root or self.root, self.api_key if api_key == "" else api_key, settings, **more)
        self.addCleanup(made.kill)
        return made.start() if start else made

    def change_root(self, what, root=None, **more):
        """What the cloud's administrator does to the root key."""
        return self.cloud.control("POST", "/keys/%s/%s" % (root or self.root, what), more or None)

    def standard_keys(self):
        """All records that were ever stored and are not purged."""
        return [key for key in self.cloud.control("GET", "/keys")["keys"] if key["extractable"]]

    def living(self, uid=None):
        """The records of an object, or of all, that live."""
        return [key for key in self.standard_keys() if key["state"] == ACTIVE
                and (uid is None or key["name"] == PREFIX + uid)]

    def wait_for_one(self, uid):
        """Wait until exactly one generation lives; return it."""
        world.wait_for(lambda: len(self.living(uid)) == 1, "one living record of %s" % uid)
        return self.living(uid)[0]

    def payload(self, record):
        """The payload of a record, in base64."""
        return self.cloud.control("GET", "/keys/" + record["id"])["payload"]

    def count(self, method, shape):
        """How many requests there were of this method, to paths with this text."""
        return sum(number for name, number in self.cloud.control("GET", "/counters")["requests"].items()
                   if name.startswith(method + " ") and re.search(shape, name))

    def hits(self):
        """How many requests got a fault."""
        return sum(fault["hits"] for fault in self.cloud.control("GET", "/faults")["faults"])

    def heal(self):
        """Take back all faults."""
        self.cloud.control("DELETE", "/faults")

    def refused(self, answer, *texts, reason=client.GENERAL_FAILURE):
        """Check that an answer is a refusal with this reason and these texts."""
        self.assertEqual((answer.status, answer.reason), (client.FAILED, reason), answer.text)
        for text in texts:
            self.assertIn(text, answer.text)
