# SPDX-License-Identifier: Apache-2.0
"""Create, get, change, delete, restore, purge, versions."""

import base64
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud import CloudTest, KEY_TYPE, b64, collection

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
HOUR = 3600
DAY = 24 * HOUR


class Create(CloudTest):
    def test_root_key(self):
        answer = self.good(self.cloud.make("root", extractable=False, description="A root key", tags=["one", "two"],
                                           aliases=["alias-2", "alias-1"]), 201)
        key = answer.first
        self.assertEqual({"collectionType": KEY_TYPE, "collectionTotal": 1}, answer.json["metadata"])
        self.assertEqual(["alias-2", "alias-1"], key["aliases"])
        self.assertEqual((1, False, False, False), (key["state"], key["extractable"], key["imported"], key["deleted"]))
        self.assertEqual("crn:v1:bluemix:public:kms:us-south:a/", key["crn"][:37])
        self.assertTrue(key["crn"].endswith(":%s:key:%s" % (self.cloud.about["instance_id"], key["id"])))
        self.assertRegex(key["creationDate"], DATE)
        self.assertEqual(["creationDate", "id"], sorted(key["keyVersion"]))
        self.assertEqual({"enabled": False}, key["dualAuthDelete"])
        self.assertEqual(({"bitLength": "256", "mode": "Deprecated"}, 256, "Deprecated", "Deprecated", "default"),
                         (key["algorithmMetadata"], key["algorithmBitSize"], key["algorithmMode"],
                          key["algorithmType"], key["keyRingID"]))
        for absent in ("payload", "lastUpdateDate", "lastRotateDate", "rotation", "deletionDate"):
            self.assertNotIn(absent, key)
        self.assertEqual(key, self.cloud.kp("GET", "/keys/alias-1").first)
        self.assertEqual(key, self.cloud.kp("GET", "/keys/%s/metadata" % key["id"]).first)

    def test_standard_key(self):
        created = self.cloud.make("std", extractable=True, payload=b64(b"secret")).first
        self.assertNotIn("payload", created)
        self.assertNotIn("keyVersion", created)
        self.assertTrue(created["imported"])
        self.assertEqual(dict(created, payload=b64(b"secret")), self.cloud.kp("GET", "/keys/" + created["id"]).first)
        self.assertEqual(created, self.cloud.kp("GET", "/keys/%s/metadata" % created["id"]).first)

    def test_standard_key_of_the_service_has_32_bytes(self):
        key = self.cloud.make("made", extractable=True).first
        self.assertFalse(key["imported"])
        payload = self.cloud.kp("GET", "/keys/" + key["id"]).first["payload"]
        self.assertEqual(32, len(base64.b64decode(payload)))

    def test_representation_has_the_payload(self):
        answer = self.cloud.kp("POST", "/keys", collection({"name": "std", "extractable": True, "payload": "YWJj"}),
                               Prefer="return=representation")
        self.assertEqual("YWJj", self.good(answer, 201).first["payload"])

    def test_names_are_not_unique(self):
        self.assertNotEqual(self.cloud.root_key(name="twin"), self.cloud.root_key(name="twin"))

    def test_member_names_in_any_case(self):
        key = self.good(self.cloud.kp("POST", "/keys", collection(
            {"NAME": "shouted", "Extractable": True, "Tags": ["t"], "payload": "YWJj"})), 201).first
        self.assertEqual(("shouted", True, ["t"]), (key["name"], key["extractable"], key["tags"]))

    def test_limits_of_members(self):
        for members in ({"name": "x"}, {"name": "x" * 91}, {"description": "x"}, {"description": "x" * 241},
                        {"tags": ["t"] * 31}, {"tags": ["t" * 31]}, {"tags": ["a:b"]}, {"aliases": ["x"]},
                        {"aliases": ["a b"]}, {"aliases": ["a" * 91]}, {"aliases": ["metadata"]},
                        {"aliases": ["02fd6835-6001-4482-a892-13bd2085f75d"]},
                        {"aliases": ["six%d" % n for n in range(6)]}, {"expirationDate": "tomorrow"},
                        {"expirationDate": "2020-01-01T00:00:00Z"}):
            with self.subTest(members=str(members)[:60]):
                self.refused(self.cloud.make(**dict({"name": "good", "extractable": False}, **members)),
                             400, "INVALID_FIELD_ERR")

    def test_longest_members(self):
        self.good(self.cloud.make("n" * 90, extractable=False, description="d" * 240, tags=["t" * 30] * 30,
                                  aliases=["a" * 90]), 201)

    def test_sizes_of_payloads(self):
        self.good(self.cloud.make(extractable=True, payload=b64(bytes(7500))), 201)
        self.refused(self.cloud.make(extractable=True, payload=b64(bytes(7501))), 400, "INVALID_FIELD_ERR")
        for size, status in ((16, 201), (24, 201), (32, 201), (31, 400), (33, 400)):
            answer = self.good(self.cloud.make(extractable=False, payload=b64(bytes(size))), status)
            if status == 201:
                self.assertEqual((True, 8 * size), (answer.first["imported"], answer.first["algorithmBitSize"]))

    def test_alias_is_unique_while_its_key_lives(self):
        key = self.cloud.root_key(aliases=["only-one"])
        self.assertEqual(409, self.cloud.make(extractable=True, aliases=["only-one"]).status)
        self.good(self.cloud.make(extractable=True, aliases=["Only-one"]), 201)
        self.cloud.kp("DELETE", "/keys/" + key)
        other = self.cloud.standard_key(aliases=["only-one"])
        self.assertEqual(other, self.cloud.kp("GET", "/keys/only-one").first["id"])

    def test_expiration(self):
        key = self.cloud.root_key(expirationDate="2040-01-01T00:00:00Z")
        shown = self.cloud.kp("GET", "/keys/" + key).first
        self.assertEqual(("2040-01-01T00:00:00Z", 1), (shown["expirationDate"], shown["state"]))
        self.cloud.control("POST", "/keys/%s/expire" % key)
        self.assertEqual(3, self.cloud.state(key))

    def test_import_with_a_token(self):
        self.cloud.kp("POST", "/import_token", {"maxAllowedRetrievals": 2, "expiration": 600})
        token = self.cloud.kp("GET", "/import_token").json
        public = serialization.load_pem_public_key(base64.b64decode(token["payload"]))
        material, iv = bytes(range(32)), bytes(12)
        nonce = AESGCM(material).encrypt(iv, base64.b64decode(token["nonce"]), b"")
        sealed = public.encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        members = {"extractable": False, "payload": b64(sealed), "encryptedNonce": b64(nonce), "iv": b64(iv),
                   "encryptionAlgorithm": "RSAES_OAEP_SHA_256"}
        imported = self.good(self.cloud.make(**members), 201).first["id"]
        # The same material imported openly unwraps what the first one wrapped.
        wrapped = self.cloud.act(imported, "wrap", {"plaintext": "YWJj"}).json["ciphertext"]
        twin = self.cloud.root_key(payload=b64(material))
        self.assertEqual("YWJj", self.cloud.act(twin, "unwrap", {"ciphertext": wrapped}).json["plaintext"])
        self.refused(self.cloud.make(**dict(members, encryptedNonce=b64(bytes(28)))), 400, "INCORRECT_NONCE_ERR")


class Life(CloudTest):
    def test_delete_answers_nothing_by_default(self):
        key = self.cloud.standard_key()
        answer = self.good(self.cloud.kp("DELETE", "/keys/" + key), 204)
        self.assertEqual(b"", answer.data)
        self.assertEqual(5, self.cloud.state(key))

    def test_deleted_key(self):
        key = self.cloud.standard_key()
        shown = self.good(self.cloud.kp("DELETE", "/keys/" + key, Prefer="return=representation")).first
        self.assertEqual((5, True, True, False), (shown["state"], shown["deleted"], shown["restoreAllowed"],
                                                  shown["purgeAllowed"]))
        for name in ("deletionDate", "restoreExpirationDate", "purgeAllowedFrom", "purgeScheduledOn"):
            self.assertRegex(shown[name], DATE)
        self.assertNotIn("payload", self.cloud.kp("GET", "/keys/" + key).first)
        self.refused(self.cloud.kp("DELETE", "/keys/" + key), 410, "KEY_DELETED_ERR")

    def test_restore(self):
        for key in (self.cloud.root_key(), self.cloud.standard_key(b"kept")):
            self.refused(self.cloud.kp("POST", "/keys/%s/restore" % key), 409, "KEY_ACTION_INVALID_STATE_ERR")
            self.cloud.kp("DELETE", "/keys/" + key)
            self.refused(self.cloud.kp("POST", "/keys/%s/restore" % key), 409, "REQ_TOO_EARLY_ERR")
            self.cloud.advance(31)
            answer = self.good(self.cloud.kp("POST", "/keys/%s/restore" % key), 201)
            self.assertEqual((key, 1, False), (answer.first["id"], answer.first["state"], answer.first["deleted"]))
        self.assertEqual(b64(b"kept"), self.cloud.kp("GET", "/keys/" + key).first["payload"])

    def test_restore_has_an_end(self):
        key = self.cloud.root_key()
        self.cloud.kp("DELETE", "/keys/" + key)
        self.cloud.advance(30 * DAY + 1)
        self.refused(self.cloud.kp("POST", "/keys/%s/restore" % key), 400, "KEY_RESTORE_EXPIRED")
        self.assertEqual(5, self.cloud.state(key))
        self.cloud.advance(60 * DAY)
        self.refused(self.cloud.kp("GET", "/keys/" + key), 404, "KEY_NOT_FOUND_ERR")

    def test_purge(self):
        key = self.cloud.root_key(aliases=["purged"])
        wrapped = self.cloud.act(key, "wrap", {}).json["ciphertext"]
        self.refused(self.cloud.kp("DELETE", "/keys/%s/purge" % key), 409, "KEY_ACTION_INVALID_STATE_ERR")
        self.cloud.kp("DELETE", "/keys/" + key)
        answer = self.cloud.kp("DELETE", "/keys/%s/purge" % key)
        self.refused(answer, 409, "REQ_TOO_EARLY_ERR")
        self.assertEqual("Purge operation is allowed 4h0m0s after key is deleted", answer.reason["message"])
        self.cloud.advance(4 * HOUR + 1)
        self.good(self.cloud.kp("DELETE", "/keys/%s/purge" % key), 204)
        for name in (key, "purged"):
            self.refused(self.cloud.kp("GET", "/keys/" + name), 404, "KEY_NOT_FOUND_ERR")
        self.refused(self.cloud.act(key, "unwrap", {"ciphertext": wrapped}), 404, "KEY_NOT_FOUND_ERR")
        self.refused(self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": wrapped}),
                     422, "UNPROCESSABLE_CIPHERTEXT_ERR")

    def test_purge_with_representation(self):
        key = self.cloud.root_key()
        self.cloud.control("POST", "/keys/%s/delete" % key)
        self.cloud.advance(4 * HOUR + 1)
        answer = self.good(self.cloud.kp("DELETE", "/keys/%s/purge" % key, Prefer="return=representation"))
        self.assertEqual(key, answer.first["id"])

    def test_protected_keys(self):
        key = self.cloud.root_key()
        self.cloud.control("POST", "/registrations", {"key": key})
        answer = self.cloud.kp("DELETE", "/keys/" + key)
        self.refused(answer, 409, "PROTECTED_RESOURCE_ERR")
        self.assertEqual({"type": "query_param", "name": "force"}, answer.reason["target"])
        self.assertEqual(1, len(self.cloud.kp("GET", "/keys/%s/registrations" % key).json["resources"]))
        self.assertEqual(key, self.cloud.kp("GET", "/keys/registrations").first["keyId"])
        self.good(self.cloud.kp("DELETE", "/keys/%s?force=true" % key), 204)
        held = self.cloud.root_key()
        self.cloud.control("POST", "/registrations", {"key": held, "preventKeyDeletion": True})
        self.refused(self.cloud.kp("DELETE", "/keys/%s?force=true" % held), 409, "PREV_KEY_DEL_ERR")

    def test_second_authorization(self):
        key = self.dual_auth_key()
        self.refused(self.cloud.kp("DELETE", "/keys/" + key), 409, "AUTHORIZATIONS_NOT_MET")
        self.good(self.cloud.act(key, "setKeyForDeletion"), 204)
        shown = self.cloud.kp("GET", "/keys/" + key).first["dualAuthDelete"]
        self.assertEqual((True, True), (shown["enabled"], shown["keySetForDeletion"]))
        self.assertRegex(shown["authExpiration"], DATE)
        self.good(self.cloud.act(key, "unsetKeyForDeletion"), 204)
        self.refused(self.cloud.kp("DELETE", "/keys/" + key), 409, "AUTHORIZATIONS_NOT_MET")
        self.cloud.act(key, "setKeyForDeletion")
        self.cloud.advance(8 * DAY)
        self.refused(self.cloud.kp("DELETE", "/keys/" + key), 409, "AUTHORIZATIONS_NOT_MET")
        self.cloud.act(key, "setKeyForDeletion")
        self.good(self.cloud.kp("DELETE", "/keys/" + key), 204)

    def dual_auth_key(self):
        answer = self.cloud.kp("POST", "/keys_with_policy_overrides", collection(
            {"name": "two eyes", "extractable": False, "dualAuthDelete": {"enabled": True}}))
        return self.good(answer, 201).first["id"]

    def test_change_of_key_ring(self):
        key = self.cloud.root_key()
        self.good(self.cloud.kp("POST", "/key_rings/other"), 201)
        answer = self.good(self.cloud.kp("PATCH", "/keys/" + key, {"KeyRingID": "other"}))
        self.assertEqual("other", answer.first["keyRingID"])
        self.assertEqual("other", self.cloud.kp("GET", "/keys/" + key).first["keyRingID"])
        self.assertEqual(404, self.cloud.kp("PATCH", "/keys/" + key, {"keyRingID": "nowhere"}).status)
        self.good(self.cloud.kp("GET", "/keys/" + key, X_Kms_Key_Ring="other"))
        self.refused(self.cloud.kp("GET", "/keys/" + key, X_Kms_Key_Ring="default"), 404, "KEY_NOT_FOUND_ERR")

    def test_versions(self):
        key = self.cloud.root_key()
        for _ in range(2):
            self.cloud.control("POST", "/keys/%s/rotate" % key)
            self.cloud.advance(10)
        answer = self.good(self.cloud.kp("GET", "/keys/%s/versions?totalCount=True" % key))
        self.assertEqual({"collectionType": "application/vnd.ibm.kms.key.version+json", "collectionTotal": 3,
                          "totalCount": 3}, answer.json["metadata"])
        newest_first = [one["creationDate"] for one in answer.json["resources"]]
        self.assertEqual(sorted(newest_first, reverse=True), newest_first)
        self.assertEqual(self.cloud.kp("GET", "/keys/" + key).first["keyVersion"]["id"], answer.first["id"])
        page = self.cloud.kp("GET", "/keys/%s/versions?limit=1&offset=1" % key).json
        self.assertEqual([answer.json["resources"][1]], page["resources"])
        self.assertNotIn("totalCount", page["metadata"])
        self.cloud.control("POST", "/keys/%s/disable" % key)
        self.refused(self.cloud.kp("GET", "/keys/%s/versions" % key), 409, "KEY_ACTION_INVALID_STATE_ERR")
        self.good(self.cloud.kp("GET", "/keys/%s/versions?allKeyStates=true" % key))
