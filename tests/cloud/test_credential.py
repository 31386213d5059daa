# SPDX-License-Identifier: Apache-2.0
"""The API key: missing, deleted, disabled, replaced; tokens that end early."""

import os
import time

import client
import nodes
import world
from nodes import CloudCase


class ApiKey(CloudCase):
    """What IAM says of the API key decides, while tokens of a dead API key are refused at once."""

    def setUp(self):
        super().setUp()
        self.cloud.set(tokens_outlive_api_key=False)
        self.server = None

    def start(self, *settings):
        """A server that has a key."""
        self.server = self.node(*settings).ready()
        uid, key = self.server.create()
        self.server.flushed()
        return uid, key

    def test_deleted_then_replaced_in_the_file(self):
        uid, key = self.start()
        self.cloud.control("DELETE", "/api-keys/" + self.api_key)
        self.server.wait_for_state("DENIED", "IAM does not know this API key")
        self.assertEqual(self.server.get(uid).good().material, key)
        self.refused(self.server.new(), "DENIED")
        self.server.write_api_key(self.make_api_key("Manager"))
        self.server.ready()
        self.assertEqual(self.server.get(uid).good().material, key)
        self.server.create()

    def test_disabled_then_enabled(self):
        uid, key = self.start()
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"disabled": True})
        self.server.wait_for_state("DENIED", "deleted, disabled or mistyped")
        self.assertEqual(self.server.get(uid).good().material, key)
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"disabled": False})
        self.server.ready().create()

    def test_user_that_is_not_active(self):
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"user_inactive": True})
        node = self.node()
        node.wait_for_state("DENIED", "the service ID of this API key is deleted or not active")
        self.refused(node.new(), "DENIED")
        self.cloud.control("POST", "/api-keys/" + self.api_key, {"user_inactive": False})
        node.ready().create()

    def test_denied_keys_end_with_the_lease(self):
        uid, key = self.start("cache offline-lease 3s")
        self.cloud.control("DELETE", "/api-keys/" + self.api_key)
        self.server.wait_for_state("DENIED")
        world.wait_for(lambda: self.server.get(uid).status == client.FAILED, "the lease is over")
        self.refused(self.server.get(uid), "DENIED")
        if nodes.may_read_memory():
            world.wait_for(lambda: not self.server.holds({key}), "the key is erased", 5, 0.1)
        self.server.console("keymanager", "credential", input=self.make_api_key("Manager") + "\n")
        self.server.ready()
        self.assertEqual(self.server.get(uid).good().material, key)

    def test_replaced_by_the_console(self):
        uid, key = self.start()
        before = self.server.process.pid
        self.cloud.control("DELETE", "/api-keys/" + self.api_key)
        self.server.wait_for_state("DENIED")
        new = self.make_api_key("Manager")
        said = self.server.console("keymanager", "credential", input=new + "\n")
        begin = time.monotonic()
        self.server.ready()
        self.assertLess(time.monotonic() - begin, 5, "a typed API key is used at once")
        self.assertNotIn(new, said + self.server.log())
        self.assertEqual(self.server.process.pid, before)
        with open(self.server.api_key_path, encoding="ascii") as file:
            self.assertEqual(file.read().strip(), new)
        self.assertEqual(os.stat(self.server.api_key_path).st_mode & 0o777, 0o600)
        self.assertEqual(self.server.get(uid).good().material, key)
        self.server.stop()
        self.server.start().ready()

    def test_wrong_key_typed(self):
        """A mistyped API key is told, and the right one afterwards works."""
        uid, key = self.start()
        self.server.console("keymanager", "credential", input="mistyped\n")
        self.server.wait_for_state("DENIED", "mistyped")
        self.assertEqual(self.server.get(uid).good().material, key)
        self.server.console("keymanager", "credential", input=self.api_key + "\n")
        self.server.ready()

    def test_never_as_an_argument(self):
        self.start()
        done = self.server.console_run("keymanager", "credential", "some-api-key")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("never an argument", done.stderr)
        self.assertNotIn("some-api-key", done.stdout + done.stderr)
        for text in ("", "\n", "x" * 257 + "\n", "two words\n", "tab\there\n"):
            done = self.server.console_run("keymanager", "credential", input=text)
            self.assertNotEqual(done.returncode, 0, repr(text))
            with open(self.server.api_key_path, encoding="ascii") as file:
                self.assertEqual(file.read().strip(), self.api_key, repr(text))
        self.server.ready()

    def test_none_yet(self):
        node = self.node(api_key=None)
        node.wait_for_state("LOCKED", "there is no API key; type it: keymanager credential")
        answer = node.get("00000000-0000-4000-8000-000000000000")
        self.assertEqual(answer.status, client.FAILED)
        self.refused(node.new(), "LOCKED")
        self.assertEqual(node.ask(client.DISCOVER_VERSIONS).status, client.SUCCESS)
        node.console("keymanager", "credential", input=self.api_key + "\n")
        node.ready()
        node.create()

    def test_file_that_others_may_read(self):
        node = self.node(api_key=None, start=False)
        node.write_api_key(self.api_key, 0o644)
        node.start().wait_for_state("LOCKED", "may be read by others")
        os.chmod(node.api_key_path, 0o600)
        node.ready().create()

    def test_empty_file(self):
        node = self.node(api_key="", start=False)
        node.write_api_key("")
        node.start().wait_for_state("LOCKED", "has no API key on its first line")
        node.write_api_key(self.api_key)
        node.ready()


class Tokens(CloudCase):
    """Tokens are renewed before they end, and when the service does not know them any more."""

    def test_renewed_before_the_end(self):
        self.cloud.set(token_lifetime=4)
        self.cloud.control("POST", "/reset-counters")
        node = self.node().ready()
        end = time.monotonic() + 9
        while time.monotonic() < end:
            node.new().good()
            time.sleep(0.1)
        self.assertTrue(3 <= self.count("POST", "/identity/token") <= 6)
        self.assertIn("0 failed", node.field("Key manager"))
        refused = [one for one in self.cloud.control("GET", "/requests")["requests"] if one["status"] in (400, 401)]
        self.assertEqual(refused, [])
        self.assertEqual(node.lease(), ("READY", ""))
        self.assertNotIn("DENIED", node.log())

    def test_forgotten_by_the_service(self):
        """All tokens are refused, as unknown or as outdated; new ones are asked for, and nobody notices."""
        made = self.cloud.control("POST", "/api-keys", {"name": "outdated", "roles": ["Manager"]})
        one, two = self.node().ready(), self.node(api_key=made["value"]).ready()
        uid, key = one.create()
        one.flushed()
        time.sleep(10.5)  # a younger token is believed to be refused, not outdated
        self.cloud.fault({"status": 400, "code": "BEARER_SUB_EXTRACTION_ERR"}, 1, api_key="outdated", path="/api/v2")
        self.cloud.set(expired_token_status=401)
        world.wait_for(lambda: self.hits() == 1, "a token is outdated")
        two.new().good()
        self.cloud.control("POST", "/forget-tokens")
        one.new().good()
        one.console("cache", "erase")
        self.assertEqual(one.get(uid).good().material, key)
        self.assertEqual(one.lease(), ("READY", ""))
        self.assertNotIn("DENIED", one.log())

    def test_forgotten_right_after_it_came(self):
        node = self.node().ready()
        uid, key = node.create()
        self.cloud.control("POST", "/forget-tokens")
        node.console("cache", "refresh")
        self.assertEqual(node.get(uid).good().material, key)
        world.wait_for(lambda: node.new().status == client.SUCCESS, "keys are made again", pause=0.3)
        node.ready()

    def test_iam_away(self):
        """IAM does not answer; with a good token nobody notices, without one it is not DENIED."""
        node = self.node().ready()
        self.cloud.fault({"status": 503}, None, path="/identity/token")
        node.new().good()
        node.stop()
        node.start()
        node.wait_for_state("STARTING", "IAM answered 503")
        self.heal()
        node.ready()

    def test_iam_says_too_many_requests(self):
        self.cloud.fault({"status": 429, "retry_after": 1}, 2, path="/identity/token")
        node = self.node()
        node.ready()
        self.assertEqual(self.hits(), 2)

    def test_iam_answers_rubbish(self):
        started = []
        for i, action in enumerate((
                {"broken_json": True}, {"not_json": True}, {"truncate": 20}, {"set_json": {"access_token": None}},
                {"set_json": {"access_token": "a b\r\nX: y"}}, {"set_json": {"expires_in": -5}},
                {"set_json": {"access_token": "x" * 200000}}, {"oversize_mb": 3})):
            value = "ApiKey-of-rubbish-%d" % i
            self.cloud.control("POST", "/api-keys", {"name": value, "roles": ["Manager"], "value": value})
            self.cloud.fault(action, 2, path="/identity/token", body=value)
            started.append((action, self.node("keymanager timeout 4s", api_key=value)))
        for action, node in started:
            with self.subTest(**action):
                node.ready().create()
        self.assertEqual(self.hits(), 2 * len(started))
