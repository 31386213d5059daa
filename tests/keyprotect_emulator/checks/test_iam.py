# SPDX-License-Identifier: Apache-2.0
"""Tokens for API keys."""

import base64
import json

from cloud import CloudTest

NOT_FOUND = ("BXNIM0415E", "Provided API key could not be found.")


class Tokens(CloudTest):
    def api_key(self, **fields):
        return self.cloud.control("POST", "/api-keys", dict({"name": "mine", "roles": ["Reader"]}, **fields))["value"]

    def iam_refused(self, answer, code, message):
        self.assertEqual((400, code, message), (answer.status, answer.json["errorCode"], answer.json["errorMessage"]))
        self.assertEqual({str}, {type(value) for value in answer.json["context"].values()})

    def list_with(self, token):
        return self.cloud.http("GET", "/api/v2/keys", headers={
            "Authorization": "Bearer " + token, "Bluemix-Instance": self.cloud.about["instance_id"]})

    def test_shape(self):
        answer = self.good(self.cloud.token_answer(self.cloud.about["api_keys"]["admin"])).json
        self.assertEqual(("Bearer", 3600, "not_supported"), (answer["token_type"], answer["expires_in"],
                                                             answer["refresh_token"]))
        header, claims, signature = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
                                     for part in answer["access_token"].split(".")]
        self.assertEqual(("RS256", 256), (json.loads(header)["alg"], len(signature)))
        claims = json.loads(claims)
        self.assertEqual((answer["expiration"], 3600), (claims["exp"], claims["exp"] - claims["iat"]))
        self.assertTrue(claims["iam_id"].startswith("iam-ServiceId-"))

    def test_old_path_with_more_parameters(self):
        answer = self.cloud.token_answer(self.cloud.about["api_keys"]["admin"], "/oidc/token", uaa_client_id="cf",
                                         response_type="cloud_iam", uaa_client_secret="")
        self.good(self.list_with(self.good(answer).json["access_token"]))

    def test_unknown_disabled_deleted(self):
        self.iam_refused(self.cloud.token_answer("nothing"), *NOT_FOUND)
        self.iam_refused(self.cloud.token_answer("admin"), *NOT_FOUND)
        value = self.api_key()
        self.cloud.control("POST", "/api-keys/" + value, {"disabled": True})
        self.iam_refused(self.cloud.token_answer(value), *NOT_FOUND)
        self.cloud.control("POST", "/api-keys/" + value, {"disabled": False})
        self.good(self.cloud.token_answer(value))
        self.cloud.control("DELETE", "/api-keys/" + value)
        self.iam_refused(self.cloud.token_answer(value), *NOT_FOUND)

    def test_locked_keys_work_and_stay(self):
        value = self.api_key()
        self.cloud.control("POST", "/api-keys/" + value, {"locked": True})
        self.good(self.cloud.token_answer(value))
        self.cloud.control("DELETE", "/api-keys/" + value, status=409)

    def test_other_errors(self):
        value = self.api_key()
        self.cloud.control("POST", "/api-keys/" + value, {"user_inactive": True})
        self.iam_refused(self.cloud.token_answer(value), "BXNIM0410E", "User not found or active.")
        for form in ("", "grant_type=x&apikey=y", "grant_type=urn:ibm:params:oauth:grant-type:apikey"):
            answer = self.cloud.http("POST", "/identity/token", form)
            self.assertEqual((400, "BXNIM0106E"), (answer.status, answer.json["errorCode"]))
            self.assertIn("errorDetails", answer.json)
        answer = self.cloud.http("POST", "/identity/token", "grant_type=refresh_token&refresh_token=x")
        self.assertEqual("BXNIM0408E", answer.json["errorCode"])

    def test_two_keys_at_once(self):
        for value in (self.api_key(), self.api_key()):
            self.good(self.list_with(self.cloud.token_answer(value).json["access_token"]))

    def test_expiry(self):
        self.cloud.set(token_lifetime=5)
        answer = self.cloud.token_answer(self.cloud.about["api_keys"]["admin"]).json
        self.cloud.set(token_lifetime=3600)
        self.assertEqual(5, answer["expires_in"])
        self.good(self.list_with(answer["access_token"]))
        self.cloud.advance(6)
        self.refused(self.list_with(answer["access_token"]), 400, "BEARER_SUB_EXTRACTION_ERR")
        self.cloud.set(expired_token_status=401)
        self.no_access(self.list_with(answer["access_token"]))
        self.cloud.set(expired_token_status=400)

    def test_tokens_of_deleted_keys(self):
        value = self.api_key()
        token = self.cloud.token_answer(value).json["access_token"]
        self.cloud.control("DELETE", "/api-keys/" + value)
        self.good(self.list_with(token))
        self.cloud.set(tokens_outlive_api_key=False)
        self.no_access(self.list_with(token))
        self.cloud.set(tokens_outlive_api_key=True)

    def test_forgotten_tokens(self):
        token = self.cloud.token_answer(self.cloud.about["api_keys"]["admin"]).json["access_token"]
        self.cloud.control("POST", "/forget-tokens")
        self.no_access(self.list_with(token))
        self.cloud.advance(0)
        self.good(self.cloud.kp("GET", "/keys"))

    def test_wrong_headers(self):
        token = self.cloud.token()
        self.refused(self.list_with("rubbish"), 400, "BEARER_SUB_EXTRACTION_ERR")
        self.no_access(self.list_with("a.b.c"))
        for headers in ({}, {"Authorization": token}, {"Authorization": "Basic Yng6Yng="},
                        {"Authorization": "Bearer " + token},
                        {"Authorization": "Bearer " + token, "Bluemix-Instance": "other"}):
            self.no_access(self.cloud.http("GET", "/api/v2/keys", headers=headers))

    def test_authentication_comes_before_the_body(self):
        self.no_access(self.cloud.http("POST", "/api/v2/keys", "{rubbish"))
        self.no_access(self.cloud.kp("POST", "/keys", "{rubbish", who="reader"))
