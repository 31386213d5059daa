# SPDX-License-Identifier: Apache-2.0
"""What Hyper Protect Crypto Services do differently."""

import base64
import json

from cryptography.hazmat.primitives import hashes, padding as block_padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cloud import CloudTest, b64


class Hpcs(CloudTest):
    options = ("--hpcs",)

    def test_broker(self):
        about = self.cloud.about
        path = "/crypto_v2/instances/" + about["instance_id"]
        self.assertEqual(about["kms_url"] + path, about["broker_url"])
        bearer = {"Authorization": "Bearer " + self.cloud.token()}
        answer = self.good(self.cloud.http("GET", path, headers=bearer)).json
        self.assertEqual(about["instance_id"], answer["instance_id"])
        self.assertEqual(about["kms_url"], "https://" + answer["kms"]["public"])
        self.no_access(self.cloud.http("GET", path))
        self.assertEqual(404, self.cloud.http("GET", path + "x", headers=bearer).status)

    def test_no_additional_data(self):
        for action in ("wrap", "unwrap", "rewrap"):
            answer = self.cloud.act(self.cloud.root, action, {"ciphertext": "YWJj", "aad": ["x"]} if action != "wrap"
                                    else {"aad": ["x"]})
            self.refused(answer, 400, "BAD_BODY_ERR")
            self.assertIn('json: unknown field "aad"', answer.reason["message"])

    def test_fields(self):
        key = self.cloud.make(extractable=False).first
        self.assertEqual(("AES", "CBC_PAD", {"bitLength": "256", "mode": "CBC_PAD"}),
                         (key["algorithmType"], key["algorithmMode"], key["algorithmMetadata"]))
        self.assertTrue(key["crn"].startswith("crn:v1:bluemix:public:hs-crypto:"))

    def test_wrapping(self):
        wrapped = self.cloud.kp("POST", "/keys/holdfast-root?action=wrap", {"plaintext": "YWJj"}).json["ciphertext"]
        envelope = json.loads(base64.b64decode(wrapped))
        self.assertEqual(16, len(base64.b64decode(envelope["iv"])))
        opened = self.cloud.act("holdfast-root", "unwrap", {"ciphertext": wrapped}).json
        self.assertEqual("YWJj", opened["plaintext"])

    def test_deactivated_keys_are_not_rotated(self):
        key = self.cloud.root_key()
        self.cloud.control("POST", "/keys/%s/expire" % key)
        self.refused(self.cloud.act(key, "rotate"), 409, "KEY_ACTION_INVALID_STATE_ERR")

    def test_import_with_a_token(self):
        self.cloud.kp("POST", "/import_token")
        token = self.cloud.kp("GET", "/import_token").json
        public = serialization.load_pem_public_key(base64.b64decode(token["payload"]))
        material, iv = bytes(range(32)), bytes(16)
        padder = block_padding.PKCS7(128).padder()
        padded = padder.update(base64.b64decode(token["nonce"])) + padder.finalize()
        encryptor = Cipher(algorithms.AES(material), modes.CBC(iv)).encryptor()
        nonce = encryptor.update(padded) + encryptor.finalize()
        sha1 = hashes.SHA1()  # noqa: S303
        sealed = public.encrypt(material, padding.OAEP(padding.MGF1(sha1), sha1, None))
        self.good(self.cloud.make(extractable=False, payload=b64(sealed), encryptedNonce=b64(nonce), iv=b64(iv),
                                  encryptionAlgorithm="RSAES_OAEP_SHA_1"), 201)


class KeyProtect(CloudTest):
    def test_no_broker(self):
        answer = self.cloud.http("GET", "/crypto_v2/instances/" + self.cloud.about["instance_id"],
                                 headers={"Authorization": "Bearer " + self.cloud.token()})
        self.assertEqual(404, answer.status)
