# SPDX-License-Identifier: Apache-2.0
"""The published error texts, byte for byte in Key Protect's present form."""

import json

from cloud import CloudTest, KEY_TYPE, POLICY_TYPE, b64, collection

SEE = ": Please see `reasons` for more details (%s)"
BODY = ("Invalid body data was passed. Please ensure the data passed had valid formatting with no invalid characters: ")
FORBIDDEN = {"errorMsg": "Unauthorized: The user does not have access to the specified resource"}


class Errors(CloudTest):
    def whole(self, answer, status, code, text, message, target=None, see=SEE):
        reason = {"code": code, "message": message, "status": status,
                  "moreInfo": "https://cloud.ibm.com/apidocs/key-protect"}
        if target:
            reason["target"] = {"type": target[0], "name": target[1]}
        wanted = {"metadata": {"collectionType": "application/vnd.ibm.kms.error+json", "collectionTotal": 1},
                  "resources": [{"errorMsg": text + see % code, "reasons": [reason]}]}
        self.assertEqual(status, answer.status)
        self.assertEqual(json.dumps(wanted, separators=(",", ":")), answer.data.decode())

    def put_policies(self, body, query=""):
        return self.cloud.kp("PUT", "/instance/policies" + query, body)

    def test_collection_total(self):
        body = collection({"policy_type": "metrics", "policy_data": {"enabled": True}}, kind=POLICY_TYPE)
        body["metadata"]["collectionTotal"] = 2
        self.whole(self.put_policies(body), 400, "COLLECTION_TOTAL_MISMATCH_ERR",
                   "Bad Request: Instance policy could not be created",
                   "Collection total does not match number of resources")

    def test_query_and_body(self):
        body = collection({"policy_type": "metrics", "policy_data": {"enabled": True}}, kind=POLICY_TYPE)
        self.whole(self.put_policies(body, "?policy=dualAuthDelete"), 400, "BODY_QUERY_PARAM_MISMATCH_ERR",
                   "Bad Request: Instance policy could not be created",
                   "Data in body does not match data required by query parameter")

    def test_one_policy_for_a_query(self):
        one = {"policy_type": "metrics", "policy_data": {"enabled": True}}
        self.whole(self.put_policies(collection(one, one, kind=POLICY_TYPE), "?policy=metrics"), 400,
                   "NUM_COLLECTION_RESOURCE_ERR", "Bad Request: Instance policy could not be created",
                   "Only a single instance policy may be created per query parameter. "
                   "Please pass single resource object")

    def test_unknown_field(self):
        body = collection({"policy_type": "metrics", "policy_data": {"enabled": True}, "extra_field": 1},
                          kind=POLICY_TYPE)
        self.whole(self.put_policies(body), 400, "BAD_BODY_ERR", "Bad Request: Instance policy could not be created",
                   BODY + 'json: unknown field "extra_field"')

    def test_one_key_a_request(self):
        one = {"name": "key", "extractable": True}
        self.whole(self.cloud.kp("POST", "/keys", collection(one, one)), 400, "BAD_BODY_ERR",
                   "Bad Request: Key could not be created", BODY + "Only creation of one key per request is supported")

    def test_no_metadata(self):
        self.whole(self.cloud.kp("POST", "/keys", {"resources": [{"name": "key", "extractable": True}]}), 400,
                   "BAD_BODY_ERR", "Bad Request: Key could not be created", BODY + "CollectionMetadata is empty")

    def test_plaintext(self):
        text = "A" * 38 + "!A"
        self.whole(self.cloud.act(self.cloud.root, "wrap", {"plaintext": text}), 400, "INVALID_FIELD_ERR",
                   "Bad Request: Wrap with key could not be performed",
                   "The field `plaintext` must be: a base64 encoded key material: illegal base64 data at input byte 38",
                   ("field", "plaintext"))

    def test_ciphertext(self):
        text = "A" * 208 + "?A=="
        self.whole(self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": text}), 400, "INVALID_FIELD_ERR",
                   "Bad Request: Unwrap with key could not be performed",
                   "The field 'ciphertext' must be: the original base64 encoded ciphertext from the wrap operation: "
                   "illegal base64 data at input byte 208", ("field", "ciphertext"),
                   ": Please see 'reasons' for more details (%s)")

    def test_second_authorization(self):
        key = self.cloud.kp("POST", "/keys_with_policy_overrides", collection(
            {"name": "key", "extractable": True, "dualAuthDelete": {"enabled": True}})).first["id"]
        self.whole(self.cloud.kp("DELETE", "/keys/" + key), 409, "AUTHORIZATIONS_NOT_MET",
                   "Conflict: 1 prior authorization(s) are required for deletion: Key could not be deleted",
                   "Number of authorizations required to delete is not met")

    def test_protected(self):
        key = self.cloud.root_key()
        self.cloud.control("POST", "/registrations", {"key": key})
        self.whole(self.cloud.kp("DELETE", "/keys/" + key), 409, "PROTECTED_RESOURCE_ERR",
                   "Conflict: Key could not be deleted", "Key is protecting one or more cloud resources",
                   ("query_param", "force"))
        self.cloud.control("POST", "/registrations", {"key": key, "preventKeyDeletion": True})
        self.whole(self.cloud.kp("DELETE", "/keys/" + key), 409, "PREV_KEY_DEL_ERR",
                   "Conflict: Key could not be deleted",
                   "The key cannot be deleted because it's protecting a cloud resource that has a retention policy.")

    def test_deleted(self):
        key = self.cloud.root_key()
        self.cloud.kp("DELETE", "/keys/" + key)
        gone = (410, "KEY_DELETED_ERR", "Key has already been deleted: Please delete references to this key")
        self.whole(self.cloud.kp("DELETE", "/keys/" + key), *gone[:2], "Gone: Key could not be deleted", gone[2])
        self.whole(self.cloud.act(key, "unwrap", {"ciphertext": "YWJj"}), *gone[:2],
                   "Gone: Unwrap with key could not be performed", gone[2])

    def test_wrong_states(self):
        key = self.cloud.root_key()
        wrong = (409, "KEY_ACTION_INVALID_STATE_ERR")
        self.whole(self.cloud.act(key, "enable"), *wrong,
                   "Conflict: Key is not in suspended state: Key could not be enabled", "Key is not in a valid state")
        self.cloud.act(key, "disable")
        self.whole(self.cloud.act(key, "disable"), *wrong,
                   "Conflict: Key is not in active state: Key could not be disabled", "Key is not in a valid state")
        self.whole(self.cloud.act(key, "unwrap", {"ciphertext": "YWJj"}), *wrong,
                   "Conflict: Unwrap with key could not be performed", "Key is not in a valid state")

    def test_access_policy(self):
        self.cloud.control("POST", "/instance-policies", {
            "policy_type": "keyCreateImportAccess",
            "policy_data": {"enabled": True, "attributes": {"import_standard_key": False}}})
        answer = self.cloud.make(extractable=True, payload="YWJj")
        self.cloud.control("POST", "/instance-policies", {"policy_type": "keyCreateImportAccess"})
        self.whole(answer, 409, "KEY_CREATE_IMPORT_ACCESS_ERR", "Conflict: Key could not be created",
                   "KeyCreateImportAccess instance policy does not allow this action")

    def test_no_body(self):
        self.whole(self.cloud.kp("POST", "/keys"), 400, "NO_BODY_ERR", "Bad Request: Key could not be created",
                   "Missing body in request")
        self.whole(self.cloud.act(self.cloud.root, "unwrap"), 400, "NO_BODY_ERR",
                   "Bad Request: Unwrap with key could not be performed", "Missing body in request")

    def test_restore_of_generated_keys_as_of_old(self):
        key = self.cloud.root_key()
        self.cloud.kp("DELETE", "/keys/" + key)
        self.cloud.set(restore_generated=False)
        answer = self.cloud.kp("POST", "/keys/%s/restore" % key)
        self.cloud.set(restore_generated=True)
        self.whole(answer, 400, "KEY_IMPT_REQ_ERR", "Bad Request: Key could not be restored",
                   "Only imported keys may be restored.")

    def test_root_key_required(self):
        self.whole(self.cloud.act(self.cloud.standard_key(), "disable"), 400, "KEY_ROOT_REQ_ERR",
                   "Bad Request: Key could not be disabled", "Requested action can only be completed with a root key.")

    def test_restore_of_an_expired_key(self):
        key = self.cloud.root_key()
        date = self.cloud.control("POST", "/keys/%s/expire" % key)["expirationDate"]
        self.cloud.kp("DELETE", "/keys/" + key)
        self.whole(self.cloud.kp("POST", "/keys/%s/restore" % key), 400, "KEY_EXPIRED_ERR",
                   "Bad Request: The key expired on %s +0000 UTC: Key could not be restored"
                   % date.replace("T", " ").replace("Z", ""),
                   "The action could not be performed on the key because the key is expired.")

    def test_import_token(self):
        self.cloud.kp("POST", "/import_token")
        self.good(self.cloud.kp("GET", "/import_token"))
        self.whole(self.cloud.kp("GET", "/import_token"), 409, "IMPORT_TOKEN_EXPIRED_ERR",
                   "Conflict: Import Token could not be retrieved", "The import token has expired.")

    def test_no_dual_authorization(self):
        self.whole(self.cloud.act(self.cloud.root, "setKeyForDeletion"), 409, "NOT_DUAL_AUTH_ERR",
                   "Conflict: Action could not be performed on key",
                   "The key is not dual auth enabled and cannot be set for deletion")

    def test_rotation(self):
        key = self.cloud.root_key()
        self.cloud.act(key, "rotate")
        self.whole(self.cloud.act(key, "rotate"), 409, "KEY_ROTATION_NOT_PERMITTED",
                   "Conflict: Action could not be performed on key",
                   "This root key has been rotated within the last hour: "
                   "Only one 'rotate' action per hour is permitted")
        self.whole(self.cloud.act(self.cloud.root_key(payload=b64(bytes(32))), "rotate"), 400, "KEY_PAYLOAD_REQ_ERR",
                   "Bad Request: Action could not be performed on key",
                   "This root key was created with user-supplied key material: "
                   "Key material is required to perform a 'rotate' action", ("field", "payload"))

    def test_not_found(self):
        self.whole(self.cloud.kp("GET", "/keys/02fd6835-6001-4482-a892-13bd2085f75d"), 404, "KEY_NOT_FOUND_ERR",
                   "Not Found: Key could not be retrieved", "Key does not exist")

    def test_bad_ciphertext(self):
        self.whole(self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": "YWJj"}), 422,
                   "UNPROCESSABLE_CIPHERTEXT_ERR", "Unprocessable Entity: Unwrap with key could not be performed",
                   "The provided ciphertext is invalid or corrupted")

    def test_forbidden(self):
        answer = self.cloud.kp("GET", "/keys/" + self.cloud.root, who="nobody")
        self.assertEqual((401, FORBIDDEN), (answer.status, answer.first))
        self.assertEqual(json.dumps(answer.json, separators=(",", ":")), answer.data.decode())

    def test_broken_bodies(self):
        for body in ("{", "[]", "12", '"text"', '{"metadata":1}', '{"metadata":{"collectionTotal":"1"}}', "{}}",
                     '{"resources":{}}', b"\xff\xfe", "[" * 100000):
            with self.subTest(body=str(body)[:40]):
                self.refused(self.cloud.kp("POST", "/keys", body), 400, "BAD_BODY_ERR")
        self.refused(self.cloud.make(extractable="true"), 400, "BAD_BODY_ERR")
        self.refused(self.cloud.make(tags=[1], extractable=True), 400, "BAD_BODY_ERR")
        body = {"metadata": {"collectionType": KEY_TYPE, "collectionTotal": 1}, "resources": ["x"]}
        self.refused(self.cloud.kp("POST", "/keys", body), 400, "BAD_BODY_ERR")

    def test_unknown_paths(self):
        paint = "/keys/%s/actions/paint" % self.cloud.root
        for method, path in (("GET", "/nothing"), ("PUT", "/keys"), ("POST", paint), ("TRACE", "/keys")):
            self.assertEqual(404, self.cloud.kp(method, path).status)
