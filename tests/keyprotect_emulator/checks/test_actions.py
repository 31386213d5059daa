# SPDX-License-Identifier: Apache-2.0
"""Wrap, unwrap, rewrap, rotate, disable, enable, sync."""

import base64
import json

from cloud import CloudTest, b64

WRONG = (422, "UNPROCESSABLE_CIPHERTEXT_ERR")
STATE = (409, "KEY_ACTION_INVALID_STATE_ERR")


class Wrapping(CloudTest):
    def wrap(self, key, **body):
        return self.good(self.cloud.act(key, "wrap", body)).json["ciphertext"]

    def test_wrap_and_unwrap(self):
        key = self.cloud.root_key(aliases=["wrapper"])
        version = self.cloud.kp("GET", "/keys/" + key).first["keyVersion"]["id"]
        answer = self.good(self.cloud.act("wrapper", "wrap", {"plaintext": b64(b"x" * 35)})).json
        self.assertEqual((["ciphertext", "keyVersion"], {"id": version}), (sorted(answer), answer["keyVersion"]))
        self.assertEqual({"plaintext": b64(b"x" * 35), "keyVersion": {"id": version}},
                         self.good(self.cloud.act(key, "unwrap", {"ciphertext": answer["ciphertext"]})).json)

    def test_ciphertext_is_json_in_base64(self):
        envelope = json.loads(base64.b64decode(self.wrap(self.cloud.root, plaintext="YWJj")))
        self.assertEqual(["ciphertext", "handle", "iv", "version"], sorted(envelope))
        self.assertEqual(("4.0.0", self.cloud.root, 12), (envelope["version"], envelope["handle"],
                                                          len(base64.b64decode(envelope["iv"]))))

    def test_ciphertexts_differ(self):
        self.assertNotEqual(self.wrap(self.cloud.root, plaintext="YWJj"), self.wrap(self.cloud.root, plaintext="YWJj"))

    def test_wrap_without_plaintext_makes_a_key(self):
        for body in (None, "", "{}", "null", {"aad": []}):
            answer = self.good(self.cloud.act(self.cloud.root, "wrap", body)).json
            self.assertEqual(32, len(base64.b64decode(answer["plaintext"])))
            opened = self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": answer["ciphertext"]}).json
            self.assertEqual(answer["plaintext"], opened["plaintext"])

    def test_additional_data(self):
        wrapped = self.wrap(self.cloud.root, plaintext="YWJj", aad=["one", "two"])
        unwrap = {"ciphertext": wrapped, "aad": ["one", "two"]}
        self.assertEqual("YWJj", self.cloud.act(self.cloud.root, "unwrap", unwrap).json["plaintext"])
        for aad in ([], ["onetwo"], ["two", "one"], ["one", "two", ""]):
            self.refused(self.cloud.act(self.cloud.root, "unwrap", dict(unwrap, aad=aad)), *WRONG)
        self.refused(self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": wrapped}), *WRONG)
        self.good(self.cloud.act(self.cloud.root, "wrap", {"aad": ["x" * 255]}))
        self.refused(self.cloud.act(self.cloud.root, "wrap", {"aad": ["x" * 256]}), 400, "INVALID_FIELD_ERR")

    def test_forged_ciphertexts(self):
        envelope = json.loads(base64.b64decode(self.wrap(self.cloud.root, plaintext="YWJj")))
        forged = [b64(b"abc"), b64(b"{}"), b64(b"[]"), b64(b'{"iv":1,"ciphertext":2}')]
        sealed = bytearray(base64.b64decode(envelope["ciphertext"]))
        sealed[0] ^= 1
        forged.append(b64(json.dumps(dict(envelope, ciphertext=b64(bytes(sealed)))).encode()))
        forged.append(b64(json.dumps(dict(envelope, iv="")).encode()))
        forged.append(self.wrap(self.cloud.root_key(), plaintext="YWJj"))
        for ciphertext in forged:
            self.refused(self.cloud.act(self.cloud.root, "unwrap", {"ciphertext": ciphertext}), *WRONG)
            self.refused(self.cloud.act(self.cloud.root, "rewrap", {"ciphertext": ciphertext}), *WRONG)

    def test_rotation(self):
        key = self.cloud.root_key()
        first = self.cloud.kp("GET", "/keys/" + key).first["keyVersion"]["id"]
        wrapped = self.wrap(key, plaintext="YWJj", aad=["a"])
        self.good(self.cloud.act(key, "rotate"), 204)
        shown = self.cloud.kp("GET", "/keys/" + key).first
        second = shown["keyVersion"]["id"]
        self.assertNotEqual(first, second)
        self.assertIn("lastRotateDate", shown)
        self.assertIn("lastUpdateDate", shown)
        opened = self.cloud.act(key, "unwrap", {"ciphertext": wrapped, "aad": ["a"]}).json
        self.assertEqual(("YWJj", {"id": first}, {"id": second}),
                         (opened["plaintext"], opened["keyVersion"], opened["rewrappedKeyVersion"]))
        again = self.cloud.act(key, "unwrap", {"ciphertext": opened["ciphertext"], "aad": ["a"]}).json
        self.assertEqual({"plaintext": "YWJj", "keyVersion": {"id": second}}, again)
        rewrapped = self.good(self.cloud.act(key, "rewrap", {"ciphertext": wrapped, "aad": ["a"]})).json
        self.assertEqual((["ciphertext", "keyVersion", "rewrappedKeyVersion"], {"id": first}, {"id": second}),
                         (sorted(rewrapped), rewrapped["keyVersion"], rewrapped["rewrappedKeyVersion"]))
        again = self.cloud.act(key, "unwrap", {"ciphertext": rewrapped["ciphertext"], "aad": ["a"]}).json
        self.assertEqual({"plaintext": "YWJj", "keyVersion": {"id": second}}, again)

    def test_rotation_once_an_hour(self):
        key = self.cloud.root_key()
        self.good(self.cloud.act(key, "rotate", "null"), 204)
        self.refused(self.cloud.act(key, "rotate", "{}"), 409, "KEY_ROTATION_NOT_PERMITTED")
        self.cloud.advance(3601)
        self.good(self.cloud.act(key, "rotate"), 204)

    def test_rotation_of_imported_keys(self):
        key = self.cloud.root_key(payload=b64(bytes(32)))
        self.refused(self.cloud.act(key, "rotate"), 400, "KEY_PAYLOAD_REQ_ERR")
        self.good(self.cloud.act(key, "rotate", {"payload": b64(bytes(16))}), 204)
        answer = self.cloud.act(self.cloud.root_key(), "rotate", {"payload": b64(bytes(16))})
        self.refused(answer, 400, "INVALID_QUERY_PARAM_ERR")
        self.assertEqual("The query_param 'payload' must be: provided only if key is imported",
                         answer.reason["message"])

    def test_deprecated_form(self):
        key = self.cloud.root_key()
        wrapped = self.good(self.cloud.kp("POST", "/keys/%s?action=wrap" % key, {"plaintext": "YWJj"})).json
        opened = self.good(self.cloud.kp("POST", "/keys/%s?action=unwrap" % key,
                                         {"ciphertext": wrapped["ciphertext"]})).json
        self.assertEqual("YWJj", opened["plaintext"])
        for action in ("rotate", "disable"):
            self.good(self.cloud.kp("POST", "/keys/%s?action=%s" % (key, action)), 204)
        self.cloud.control("POST", "/keys/%s/delete" % key)
        self.cloud.advance(31)
        self.good(self.cloud.kp("POST", "/keys/%s?action=restore" % key), 201)
        self.refused(self.cloud.kp("POST", "/keys/%s?action=paint" % key), 400, "INVALID_QUERY_PARAM_ERR")


class States(CloudTest):
    def test_disable_and_enable(self):
        key = self.cloud.root_key()
        self.refused(self.cloud.act(key, "enable"), *STATE)
        self.good(self.cloud.act(key, "disable", "null"), 204)
        self.assertEqual(2, self.cloud.state(key))
        self.refused(self.cloud.act(key, "disable"), *STATE)
        self.refused(self.cloud.act(key, "enable"), 409, "REQ_TOO_EARLY_ERR")
        self.cloud.advance(31)
        self.good(self.cloud.act(key, "enable", "{}"), 204)
        self.assertEqual(1, self.cloud.state(key))

    def test_what_each_state_allows(self):
        gone = (410, "KEY_DELETED_ERR")
        allowed = {"disable": {}, "expire": {"unwrap": 200, "rewrap": 200, "rotate": 204},
                   "delete": {}}
        for change, good in allowed.items():
            key = self.cloud.root_key()
            wrapped = self.cloud.act(key, "wrap", {"plaintext": "YWJj"}).json["ciphertext"]
            self.cloud.control("POST", "/keys/%s/%s" % (key, change))
            for action in ("wrap", "unwrap", "rewrap", "rotate", "disable"):
                with self.subTest(change=change, action=action):
                    body = {"ciphertext": wrapped} if "wrap" in action and action != "wrap" else None
                    answer = self.cloud.act(key, action, body)
                    if action in good:
                        self.good(answer, good[action])
                    else:
                        self.refused(answer, *(gone if change == "delete" else STATE))

    def test_restored_key_unwraps(self):
        key = self.cloud.root_key()
        wrapped = self.cloud.act(key, "wrap", {"plaintext": "YWJj"}).json["ciphertext"]
        self.cloud.kp("DELETE", "/keys/" + key)
        self.cloud.advance(31)
        self.cloud.kp("POST", "/keys/%s/restore" % key)
        self.assertEqual("YWJj", self.cloud.act(key, "unwrap", {"ciphertext": wrapped}).json["plaintext"])

    def test_standard_keys_have_no_actions(self):
        key = self.cloud.standard_key()
        for action in ("wrap", "rotate", "disable", "enable", "sync"):
            self.refused(self.cloud.act(key, action), 400, "KEY_ROOT_REQ_ERR")
        for action in ("unwrap", "rewrap"):
            self.refused(self.cloud.act(key, action, {"ciphertext": "YWJj"}), 400, "KEY_ROOT_REQ_ERR")

    def test_sync(self):
        key = self.cloud.root_key()
        self.good(self.cloud.act(key, "sync"), 204)
        self.refused(self.cloud.act(key, "sync"), 409, "REQ_TOO_EARLY_ERR")
        other = self.cloud.root_key()
        self.cloud.kp("DELETE", "/keys/" + other)
        self.refused(self.cloud.act(other, "sync"), 409, "REQ_TOO_EARLY_ERR")

    def test_actions_take_no_members(self):
        self.refused(self.cloud.act(self.cloud.root_key(), "disable", {"why": "so"}), 400, "BAD_BODY_ERR")
