# SPDX-License-Identifier: Apache-2.0
"""Requests with the headers and bodies that IBM's Go and Python clients send, in the order of a key's life."""

import json
import urllib.parse

from cloud import CloudTest, GRANT, b64

NAME = "vmware_kmip_4711"


def body_of(resource, kind="application/vnd.ibm.kms.key+json", spaces=False):
    """Return a body as Go (no spaces) or Python (spaces) writes it."""
    value = {"metadata": {"collectionType": kind, "collectionTotal": 1}, "resources": [resource]}
    return json.dumps(value) if spaces else json.dumps(value, separators=(",", ":"))


class GoClient(CloudTest):
    """No Content-Type, Accept: application/json, Connection: close, always a Correlation-Id."""

    def setUp(self):
        form = "apikey=%s&grant_type=%s" % (urllib.parse.quote(self.cloud.about["api_keys"]["admin"]),
                                            urllib.parse.quote(GRANT, safe=""))
        answer = self.cloud.http("POST", "/oidc/token", form, {
            "User-Agent": "Go-http-client/1.1", "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": "gzip"})
        self.token = self.good(answer).json["access_token"]
        self.assertIsInstance(answer.json["expires_in"], int)

    def call(self, method, path, body=None, status=200, **headers):
        sent = {"User-Agent": "Go-http-client/1.1", "Accept": "application/json",
                "Authorization": "Bearer " + self.token, "Bluemix-Instance": self.cloud.about["instance_id"],
                "Correlation-Id": "304abec0-7162-4f6c-8d13-293bdaf21815", "Accept-Encoding": "gzip",
                "Connection": "close"}
        if method == "POST" and body is None:
            sent["Content-Length"] = "0"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        answer = self.good(self.cloud.http(method, "/api/v2" + path, body, sent), status)
        self.assertEqual("304abec0-7162-4f6c-8d13-293bdaf21815", answer.headers["correlation-id"])
        self.assertEqual("close", answer.headers["connection"])
        if status == 200:
            self.assertIsInstance(answer.json, dict)
        return answer

    def test_standard_key(self):
        made = self.call("POST", "/keys", body_of({"name": NAME, "type": "application/vnd.ibm.kms.key+json",
                                                   "extractable": True, "payload": "AAEC"}), 201).first
        listed = self.call("GET", "/keys?limit=2000&offset=0").json
        self.assertIn(made["id"], [key["id"] for key in listed["resources"]])
        found = self.call("GET", "/keys?extractable=true&limit=100&offset=0&search=vmware_kmip%2C&sort=-creationDate"
                                 "&state=1%2C2").json["resources"]
        self.assertEqual([made["id"]], [key["id"] for key in found])
        self.assertEqual("AAEC", self.call("GET", "/keys/" + made["id"]).first["payload"])
        self.assertNotIn("payload", self.call("GET", "/keys/%s/metadata" % made["id"]).first)
        self.call("DELETE", "/keys/" + made["id"], None, 204, Prefer="return=minimal")
        self.assertEqual([], self.call("GET", "/keys?search=vmware_kmip%2C").json["resources"])

    def test_root_key(self):
        key = self.call("POST", "/keys", body_of(
            {"name": "root", "type": "application/vnd.ibm.kms.key+json", "aliases": ["al1"], "extractable": False,
             "expirationDate": "2030-01-01T00:00:00Z"}), 201).first["id"]
        wrapped = self.call("POST", "/keys/%s/actions/wrap" % key, '{"plaintext":"AAEC","aad":["aad1"]}').json
        self.call("POST", "/keys/%s/actions/wrap" % key, "{}")
        opened = self.call("POST", "/keys/al1/actions/unwrap",
                           json.dumps({"ciphertext": wrapped["ciphertext"], "aad": ["aad1"]})).json
        self.assertEqual("AAEC", opened["plaintext"])
        self.call("POST", "/keys/%s/actions/rotate" % key, "null", 204)
        self.call("POST", "/keys/%s/actions/disable" % key, "null", 204)
        self.cloud.advance(31)
        self.setUp()
        self.call("POST", "/keys/%s/actions/enable" % key, "null", 204)
        self.call("POST", "/keys/%s/aliases/al2" % key, None, 201)
        self.assertEqual(b"", self.call("POST", "/key_rings/ring1", None, 201).data)
        self.assertEqual("ring1", self.call("PATCH", "/keys/" + key, '{"KeyRingID":"ring1"}').first["keyRingID"])
        self.call("GET", "/keys/%s/registrations" % key)
        self.call("DELETE", "/keys/%s?force=true" % key, None, 200, Prefer="return=representation")
        self.cloud.advance(31)
        self.setUp()
        self.call("POST", "/keys/%s/restore" % key, None, 201)
        self.call("DELETE", "/keys/" + key, None, 204, Prefer="return=minimal")
        self.cloud.advance(5 * 3600)
        self.setUp()
        self.call("DELETE", "/keys/%s/purge" % key, None, 204, Prefer="return=minimal")

    def test_policies_and_tokens(self):
        kind = "application/vnd.ibm.kms.policy+json"
        key = self.cloud.root_key()
        self.call("PUT", "/keys/%s/policies?policy=rotation" % key,
                  body_of({"type": kind, "rotation": {"interval_month": 3}}, kind))
        self.call("PUT", "/instance/policies?policy=dualAuthDelete",
                  body_of({"policy_type": "dualAuthDelete", "policy_data": {"enabled": False}}, kind), 204)
        made = self.call("POST", "/import_token", '{"maxAllowedRetrievals":2,"expiration":1200}').json
        self.assertEqual(2, made["remainingRetrievals"])


class PythonClient(CloudTest):
    """Accept: */*, Basic for IAM, Content-Length: 0 with every empty body, no Correlation-Id."""

    def setUp(self):
        form = ("response_type=cloud_iam&uaa_client_id=cf&uaa_client_secret=&grant_type=%s&apikey=%s"
                % (urllib.parse.quote(GRANT, safe=""), urllib.parse.quote(self.cloud.about["api_keys"]["admin"])))
        answer = self.cloud.http("POST", "/oidc/token", form, {
            "Accept-Encoding": "gzip, deflate", "Accept": "application/json", "Authorization": "Basic Yng6Yng=",
            "Content-Type": "application/x-www-form-urlencoded"})
        self.token = self.good(answer).json["access_token"]

    def call(self, method, path, body=None, status=200):
        sent = {"Accept-Encoding": "gzip, deflate", "Accept": "*/*", "Connection": "keep-alive",
                "Bluemix-Instance": self.cloud.about["instance_id"], "Authorization": "Bearer " + self.token}
        if body is not None:
            sent["Content-Type"] = "application/json"
        elif method != "GET":
            sent["Content-Length"] = "0"
        return self.good(self.cloud.http(method, "/api/v2" + path, body, sent), status)

    def test_life(self):
        kind = "application/vnd.ibm.kms.key+json"
        std = self.call("POST", "/keys", body_of({"type": kind, "extractable": True, "name": "std", "payload": "YWJj"},
                                                 spaces=True), 201).first
        self.assertEqual((1, "std"), (std["state"], std["name"]))
        self.assertEqual("YWJj", self.call("GET", "/keys/" + std["id"]).first["payload"])
        key = self.call("POST", "/keys", body_of({"type": kind, "extractable": False, "name": "rr", "aliases": ["al1"]},
                                                 spaces=True), 201).first["id"]
        self.call("GET", "/keys")
        wrapped = self.call("POST", "/keys/%s/actions/wrap" % key, '{"plaintext": "aGVsbG8=", "aad": ["x"]}').json
        again = json.dumps({"ciphertext": wrapped["ciphertext"], "aad": ["x"]})
        self.assertEqual("aGVsbG8=", self.call("POST", "/keys/%s/actions/unwrap" % key, again).json["plaintext"])
        self.call("POST", "/keys/%s/actions/rotate" % key, None, 204)
        self.call("POST", "/keys/%s/actions/rewrap" % key, again)
        self.call("POST", "/keys/%s/actions/disable" % key, None, 204)
        self.cloud.advance(31)
        self.setUp()
        self.call("POST", "/keys/%s/actions/enable" % key, None, 204)
        self.call("DELETE", "/keys/" + key, None, 204)
        self.cloud.advance(31)
        self.setUp()
        self.call("POST", "/keys/%s/restore" % key, None, 201)
        self.call("POST", "/key_rings/ring1", None, 201)
        self.call("POST", "/keys/%s/aliases/al2" % key, None, 201)
        self.call("POST", "/import_token", '{"expiration": 1200, "maxAllowedRetrievals": 2}')
        self.cloud.advance(3601)
        self.setUp()
        self.call("POST", "/keys/%s/actions/sync" % key, None, 204)

    def test_payload_of_one_byte_text(self):
        self.assertEqual(b64(b"a"), self.call("GET", "/keys/" + self.cloud.standard_key(b"a")).first["payload"])
