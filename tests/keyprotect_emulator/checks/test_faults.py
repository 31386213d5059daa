# SPDX-License-Identifier: Apache-2.0
"""Faults: each action, and which requests it takes."""

import http.client
import time

from cloud import CloudTest


class Faults(CloudTest):
    def tearDown(self):
        self.cloud.control("DELETE", "/faults")
        self.cloud.close()

    def list(self):
        return self.cloud.kp("GET", "/keys")

    def names(self):
        return {key["name"] for key in self.cloud.control("GET", "/keys")["keys"]}

    def test_status(self):
        self.cloud.token()
        for status in (400, 403, 404, 409, 410, 412, 422, 500, 503):
            self.cloud.fault({"status": status})
            answer = self.list()
            self.assertEqual(status, answer.status)
            self.assertIn("errorMsg", answer.first)
        self.cloud.fault({"status": 401})
        self.no_access(self.list())
        self.good(self.list())

    def test_code(self):
        self.cloud.fault({"status": 410, "code": "KEY_DELETED_ERR"}, path="/actions/unwrap")
        self.good(self.cloud.act(self.cloud.root, "wrap"))
        answer = self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": "YWJj"})
        self.refused(answer, 410, "KEY_DELETED_ERR")
        self.assertEqual("Gone: Unwrap with key could not be performed: Please see `reasons` for more details "
                         "(KEY_DELETED_ERR)", answer.first["errorMsg"])

    def test_too_many_requests(self):
        self.cloud.token()
        self.cloud.fault({"status": 429, "retry_after": 7, "headers": {"X-Odd": "yes"}})
        answer = self.list()
        self.assertEqual((429, "7", "yes"), (answer.status, answer.headers["retry-after"], answer.headers["x-odd"]))
        self.cloud.fault({"status": 429})
        self.assertNotIn("retry-after", self.list().headers)

    def test_own_body(self):
        self.cloud.fault({"status": 200, "body": {"resources": []}})
        self.assertEqual({"resources": []}, self.list().json)
        self.cloud.fault({"status": 200, "body": "text"})
        self.assertEqual(b"text", self.list().data)

    def test_iam(self):
        self.cloud.fault({"status": 400, "code": "BXNIM0415E", "message": "Provided API key could not be found."},
                         path="/identity/token")
        answer = self.cloud.token_answer(self.cloud.about["api_keys"]["admin"])
        self.assertEqual((400, "BXNIM0415E"), (answer.status, answer.json["errorCode"]))
        self.good(self.cloud.token_answer(self.cloud.about["api_keys"]["admin"]))

    def test_count_and_skip_and_order(self):
        self.cloud.token()
        first = self.cloud.fault({"status": 500}, count=2, skip=1, method="GET")
        self.cloud.fault({"status": 503}, count=None, method="GET")
        self.assertEqual([503, 500, 500, 503, 503], [self.list().status for _ in range(5)])
        shown = self.cloud.control("GET", "/faults")["faults"]
        self.assertEqual((0, 2), (shown[0]["left"], shown[0]["hits"]))
        self.assertEqual(1, self.cloud.control("DELETE", "/faults/%d" % first["id"])["removed"])
        self.assertEqual(1, self.cloud.control("DELETE", "/faults")["removed"])
        self.good(self.list())

    def test_matches(self):
        for who in ("reader", "writer"):
            self.cloud.token(who)
        self.cloud.fault({"status": 500}, body="vmware_kmip_7")
        self.cloud.fault({"status": 501}, query="search=x")
        self.cloud.fault({"status": 502}, api_key="reader")
        self.good(self.cloud.make("vmware_kmip_8", extractable=True), 201)
        self.assertEqual(500, self.cloud.make("vmware_kmip_7", extractable=True).status)
        self.assertEqual(501, self.cloud.kp("GET", "/keys?search=xy").status)
        self.good(self.cloud.kp("GET", "/keys", who="writer"))
        self.assertEqual(502, self.cloud.kp("GET", "/keys", who="reader").status)

    def test_delay(self):
        self.cloud.token()
        for name in ("delay", "delay_after"):
            self.cloud.fault({name: 0.2})
            start = time.monotonic()
            self.good(self.list())
            self.assertGreaterEqual(time.monotonic() - start, 0.2)

    def test_hang(self):
        token = self.cloud.token()
        self.cloud.fault({"hang": True})
        connection = self.cloud.connect(timeout=0.3)
        with self.assertRaises(TimeoutError):
            connection.request("GET", "/api/v2/keys", headers={"Authorization": "Bearer " + token})
            connection.getresponse()
        connection.close()

    def test_reset_before_and_after_the_effect(self):
        self.cloud.token()
        for action, errors in (("reset", (ConnectionResetError, http.client.RemoteDisconnected)),
                               ("close", (http.client.RemoteDisconnected,))):
            for when in ("before", "after"):
                name = "%s_%s" % (action, when)
                self.cloud.fault({action: when}, method="POST")
                with self.assertRaises(errors):
                    self.cloud.make(name, extractable=True)
                self.assertEqual(when == "after", name in self.names())

    def test_status_after_the_effect(self):
        self.cloud.token()
        self.cloud.fault({"status": 503, "after_effect": True}, method="POST")
        self.assertEqual(503, self.cloud.make("unknown_fate", extractable=True).status)
        self.cloud.fault({"status": 503}, method="POST")
        self.assertEqual(503, self.cloud.make("no_fate", extractable=True).status)
        self.assertEqual({"unknown_fate"}, self.names() & {"unknown_fate", "no_fate"})

    def test_truncated(self):
        self.cloud.token()
        self.cloud.fault({"truncate": 10})
        with self.assertRaises(http.client.IncompleteRead) as caught:
            self.list()
        self.assertEqual(10, len(caught.exception.partial))

    def test_oversize(self):
        self.cloud.token()
        self.cloud.fault({"oversize_mb": 2})
        self.assertGreater(len(self.list().data), 2 * 1024 * 1024)

    def test_rubbish(self):
        self.cloud.token()
        self.cloud.fault({"broken_json": True})
        with self.assertRaises(ValueError):
            _ = self.list().json
        self.cloud.fault({"not_json": True})
        answer = self.list()
        self.assertEqual((200, "text/html", b"<html>"), (answer.status, answer.headers["content-type"],
                                                         answer.data[:6]))

    def test_changed_members(self):
        key = self.cloud.root
        self.cloud.fault({"set_json": {"state": 2, "name": None}}, path="/metadata")
        shown = self.cloud.kp("GET", "/keys/%s/metadata" % key).first
        self.assertEqual((2, False), (shown["state"], "name" in shown))
        self.cloud.fault({"set_json": {"keyVersion": {"id": "x"}}}, path="/wrap")
        self.assertEqual({"id": "x"}, self.cloud.act(key, "wrap").json["keyVersion"])

    def test_wrong_plaintext(self):
        wrapped = self.cloud.act(self.cloud.root, "wrap", {"plaintext": "YWJjZGVmZ2g="}).json["ciphertext"]
        self.cloud.fault({"wrong_plaintext": True}, path="/unwrap")
        wrong = self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": wrapped}).json["plaintext"]
        right = self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": wrapped}).json["plaintext"]
        self.assertEqual(("YWJjZGVmZ2g=", len(right)), (right, len(wrong)))
        self.assertNotEqual(right, wrong)

    def test_chunked(self):
        self.cloud.token()
        self.cloud.fault({"chunked": True})
        answer = self.good(self.list())
        self.assertEqual("chunked", answer.headers["transfer-encoding"])
        self.assertTrue(answer.json["resources"])

    def test_mistakes(self):
        for wrong in ({}, {"action": {"paint": 1}}, {"match": {"colour": 1}, "action": {"hang": True}},
                      {"match": {"path": "("}, "action": {"hang": True}}, {"actions": {}}):
            self.assertIn("error", self.cloud.control("POST", "/faults", wrong, 400))
