# SPDX-License-Identifier: Apache-2.0
"""Aliases, key rings, import tokens, ports, KMIP adapters."""

import base64

from cloud import CloudTest, collection

ADAPTER = "application/vnd.ibm.kms.kmip_adapter+json"
CERTIFICATE = "application/vnd.ibm.kms.kmip_client_certificate+json"
PEM = "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"


class Aliases(CloudTest):
    def test_add_and_remove(self):
        key = self.cloud.root_key()
        answer = self.good(self.cloud.kp("POST", "/keys/%s/aliases/nick" % key), 201)
        self.assertEqual((key, "nick", "application/vnd.ibm.kms.alias+json"),
                         (answer.first["keyId"], answer.first["alias"], answer.json["metadata"]["collectionType"]))
        self.assertEqual(["nick"], self.cloud.kp("GET", "/keys/nick").first["aliases"])
        self.good(self.cloud.kp("DELETE", "/keys/%s/aliases/nick" % key), 204)
        self.refused(self.cloud.kp("GET", "/keys/nick"), 404, "KEY_NOT_FOUND_ERR")
        self.assertEqual(404, self.cloud.kp("DELETE", "/keys/%s/aliases/nick" % key).status)

    def test_limits(self):
        key = self.cloud.root_key()
        for number in range(5):
            self.good(self.cloud.kp("POST", "/keys/%s/aliases/nick-%d" % (key, number)), 201)
        self.assertEqual(409, self.cloud.kp("POST", "/keys/%s/aliases/nick-5" % key).status)
        self.refused(self.cloud.kp("POST", "/keys/%s/aliases/unwrap" % key), 400, "INVALID_FIELD_ERR")
        self.assertEqual(409, self.cloud.kp("POST", "/keys/%s/aliases/nick-1" % self.cloud.root).status)

    def test_thousand_in_an_instance(self):
        batch, status = 0, 201
        while status == 201:
            batch += 1
            status = self.cloud.make(extractable=True, aliases=["batch-%d-%d" % (batch, n) for n in range(5)]).status
        self.assertEqual(409, status)
        taken = sum(len(key.get("aliases", [])) for key in self.cloud.control("GET", "/keys")["keys"])
        self.assertTrue(995 < taken <= 1000, taken)


class Rings(CloudTest):
    def test_rings(self):
        self.assertEqual([{"id": "default"}], self.good(self.cloud.kp("GET", "/key_rings")).json["resources"])
        answer = self.good(self.cloud.kp("POST", "/key_rings/ring1"), 201)
        self.assertEqual(b"", answer.data)
        self.assertEqual(409, self.cloud.kp("POST", "/key_rings/ring1").status)
        shown = self.cloud.kp("GET", "/key_rings").json
        self.assertEqual(["default", "ring1"], [ring["id"] for ring in shown["resources"]])
        self.assertEqual(["createdBy", "creationDate", "id"], sorted(shown["resources"][1]))
        key = self.cloud.kp("POST", "/keys", collection({"name": "in it", "extractable": True}),
                            X_Kms_Key_Ring="ring1").first["id"]
        self.assertEqual(409, self.cloud.kp("DELETE", "/key_rings/ring1?force=true").status)
        self.cloud.kp("DELETE", "/keys/" + key)
        self.assertEqual(409, self.cloud.kp("DELETE", "/key_rings/ring1").status)
        self.good(self.cloud.kp("DELETE", "/key_rings/ring1?force=true"), 204)
        self.assertEqual(409, self.cloud.kp("DELETE", "/key_rings/default").status)
        self.assertEqual(404, self.cloud.kp("DELETE", "/key_rings/ring1").status)

    def test_limits(self):
        self.refused(self.cloud.kp("POST", "/key_rings/x"), 400, "INVALID_FIELD_ERR")
        made = len(self.cloud.kp("GET", "/key_rings").json["resources"])
        for number in range(50 - made):
            self.good(self.cloud.kp("POST", "/key_rings/many-%d" % number), 201)
        self.assertEqual(409, self.cloud.kp("POST", "/key_rings/one-more").status)
        for number in range(50 - made):
            self.good(self.cloud.kp("DELETE", "/key_rings/many-%d" % number), 204)

    def test_creation_in_a_ring_that_is_not_there(self):
        answer = self.cloud.kp("POST", "/keys", collection({"name": "lost", "extractable": True}),
                               X_Kms_Key_Ring="nowhere")
        self.assertEqual(404, answer.status)


class ImportTokens(CloudTest):
    def test_retrievals(self):
        self.assertEqual(404, self.cloud.kp("GET", "/import_token").status)
        made = self.good(self.cloud.kp("POST", "/import_token", {"maxAllowedRetrievals": 50, "expiration": 1200})).json
        self.assertEqual((50, 50), (made["maxAllowedRetrievals"], made["remainingRetrievals"]))
        self.assertNotIn("payload", made)
        got = self.good(self.cloud.kp("GET", "/import_token")).json
        self.assertEqual((49, made["id"], 12), (got["remainingRetrievals"], got["id"],
                                                len(base64.b64decode(got["nonce"]))))
        self.assertTrue(base64.b64decode(got["payload"]).startswith(b"-----BEGIN PUBLIC KEY-----"))
        self.cloud.advance(1201)
        self.refused(self.cloud.kp("GET", "/import_token"), 409, "IMPORT_TOKEN_EXPIRED_ERR")

    def test_limits(self):
        for body in ({"expiration": 299}, {"expiration": 86401}, {"maxAllowedRetrievals": 0},
                     {"maxAllowedRetrievals": 501}):
            self.refused(self.cloud.kp("POST", "/import_token", body), 400, "INVALID_FIELD_ERR")

    def test_port(self):
        port = self.good(self.cloud.kp("GET", "/instance/allowed_ip_port")).first["private_endpoint_port"]
        self.assertIsInstance(port, int)


class Adapters(CloudTest):
    def create(self, **members):
        fields = dict({"profile": "native_1.0", "profile_data": {"crk_id": self.cloud.root}}, **members)
        return self.cloud.kp("POST", "/kmip_adapters", collection(fields, kind=ADAPTER))

    def test_adapter_and_certificate(self):
        made = self.good(self.create(name="adapter"), 201)
        self.assertEqual(["created_at", "created_by", "description", "id", "name", "profile", "profile_data",
                          "updated_at", "updated_by"], sorted(made.first))
        for name in ("adapter", made.first["id"]):
            self.assertEqual(made.first, self.good(self.cloud.kp("GET", "/kmip_adapters/" + name)).first)
        listed = self.cloud.kp("GET", "/kmip_adapters?totalCount=true&crk_id=" + self.cloud.root).json
        self.assertEqual((1, ADAPTER), (listed["metadata"]["totalCount"], listed["metadata"]["collectionType"]))
        base = "/kmip_adapters/adapter/certificates"
        one = self.good(self.cloud.kp("POST", base, collection(
            {"certificate": PEM % "YWJj", "name": "vcenter"}, kind=CERTIFICATE)), 201).first
        self.assertEqual(one, self.good(self.cloud.kp("GET", base + "/vcenter")).first)
        self.assertEqual([{name: value for name, value in one.items() if name != "certificate"}],
                         self.cloud.kp("GET", base).json["resources"])
        self.assertEqual(409, self.cloud.kp("POST", base, collection(
            {"certificate": PEM % "YWJj", "name": "again"}, kind=CERTIFICATE)).status)
        self.assertEqual([], self.good(self.cloud.kp("GET", "/kmip_adapters/adapter/kmip_objects")).json["resources"])
        self.refused(self.cloud.kp("DELETE", "/keys/" + self.cloud.root), 409, "PROTECTED_RESOURCE_ERR")
        self.good(self.cloud.kp("DELETE", base + "/" + one["id"]), 204)
        self.assertEqual(404, self.cloud.kp("GET", base + "/vcenter").status)
        self.good(self.cloud.kp("DELETE", "/kmip_adapters/adapter"), 204)
        self.assertEqual(404, self.cloud.kp("GET", "/kmip_adapters/adapter").status)

    def test_names_are_made_up(self):
        self.assertRegex(self.good(self.create(), 201).first["name"], "^kmip_adapter_")

    def test_bad_adapters(self):
        for members, status in (({"profile": "other"}, 400), ({"name": "a b"}, 400),
                                ({"profile_data": {"crk_id": "nothing"}}, 404),
                                ({"profile_data": {"crk_id": self.cloud.standard_key()}}, 400)):
            self.assertEqual(status, self.create(**members).status)
        self.good(self.create(name="here"), 201)
        self.assertEqual(400, self.cloud.kp("POST", "/kmip_adapters/here/certificates", collection(
            {"certificate": "none"}, kind=CERTIFICATE)).status)
