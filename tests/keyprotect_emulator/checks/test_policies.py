# SPDX-License-Identifier: Apache-2.0
"""Policies of keys and of the instance."""

from cloud import CloudTest, POLICY_TYPE, b64, collection


class Policies(CloudTest):
    def tearDown(self):
        for name in ("dualAuthDelete", "rotation", "allowedNetwork", "allowedIP", "keyCreateImportAccess", "metrics"):
            self.cloud.control("POST", "/instance-policies", {"policy_type": name})

    def put(self, *policies, query=""):
        return self.cloud.kp("PUT", "/instance/policies" + query, collection(*policies, kind=POLICY_TYPE))

    @staticmethod
    def policy(name, enabled=True, **attributes):
        data = {"enabled": enabled}
        if attributes:
            data["attributes"] = attributes
        return {"policy_type": name, "policy_data": data}

    def access(self, **attributes):
        self.good(self.put(self.policy("keyCreateImportAccess", **attributes)), 204)

    def test_policies_of_a_key(self):
        key = self.cloud.root_key()
        path = "/keys/%s/policies" % key
        self.assertEqual([], self.good(self.cloud.kp("GET", path)).json["resources"])
        for name, content in (("rotation", {"interval_month": 2}), ("dualAuthDelete", {"enabled": True})):
            answer = self.good(self.cloud.kp("PUT", path + "?policy=" + name, collection(
                {"type": POLICY_TYPE, name: content}, kind=POLICY_TYPE)))
            self.assertEqual(1, answer.json["metadata"]["collectionTotal"])
        both = self.cloud.kp("GET", path).json["resources"]
        self.assertEqual([{"enabled": True, "interval_month": 2}, {"enabled": True}],
                         [both[0]["rotation"], both[1]["dualAuthDelete"]])
        self.assertEqual(1, len(self.cloud.kp("GET", path + "?policy=rotation").json["resources"]))
        shown = self.cloud.kp("GET", "/keys/" + key).first
        self.assertEqual(({"enabled": True, "interval_month": 2}, True),
                         (shown["rotation"], shown["dualAuthDelete"]["enabled"]))

    def test_bad_policies_of_a_key(self):
        path = "/keys/%s/policies" % self.cloud.root_key()
        for one, query, code in (({"rotation": {"interval_month": 13}}, "", "INVALID_FIELD_ERR"),
                                 ({"rotation": {"interval_month": 1}}, "?policy=dualAuthDelete",
                                  "BODY_QUERY_PARAM_MISMATCH_ERR"),
                                 ({"rotation": {"interval_month": 1}}, "?policy=colour", "INVALID_QUERY_PARAM_ERR"),
                                 ({"rotation": {"weeks": 1}}, "", "BAD_BODY_ERR")):
            self.refused(self.cloud.kp("PUT", path + query, collection(one, kind=POLICY_TYPE)), 400, code)
        self.refused(self.cloud.kp("PUT", "/keys/%s/policies" % self.cloud.standard_key(), collection(
            {"rotation": {"interval_month": 1}}, kind=POLICY_TYPE)), 400, "KEY_ROOT_REQ_ERR")

    def test_instance_has_the_policies_that_were_set(self):
        self.assertEqual([], self.good(self.cloud.kp("GET", "/instance/policies")).json["resources"])
        self.good(self.put(self.policy("dualAuthDelete", False)), 204)
        self.good(self.put(self.policy("rotation", interval_month=3), self.policy("metrics", False)), 204)
        self.good(self.put(self.policy("allowedNetwork", allowed_network="public-and-private"),
                           query="?policy=allowedNetwork"), 204)
        shown = self.cloud.kp("GET", "/instance/policies").json
        self.assertEqual((4, 4), (shown["metadata"]["collectionTotal"], len(shown["resources"])))
        one = self.cloud.kp("GET", "/instance/policies?policy=rotation").first
        self.assertEqual({"enabled": True, "attributes": {"interval_month": 3}}, one["policy_data"])
        self.assertEqual(["createdBy", "creationDate", "lastUpdated", "policy_data", "policy_type", "updatedBy"],
                         sorted(one))

    def test_rotation_is_inherited(self):
        self.put(self.policy("rotation", interval_month=3))
        made = self.cloud.make(extractable=False).first
        self.assertEqual({"enabled": True, "interval_month": 3}, made["rotation"])
        self.assertEqual(1, len(self.cloud.kp("GET", "/keys/%s/policies" % made["id"]).json["resources"]))
        own = self.cloud.kp("POST", "/keys_with_policy_overrides", collection(
            {"name": "own", "extractable": False, "rotation": {"enabled": True, "interval_month": 5}})).first
        self.assertEqual(5, own["rotation"]["interval_month"])
        without = self.cloud.kp("POST", "/keys_with_policy_overrides", collection(
            {"name": "own", "extractable": False, "rotation": {"enabled": False}})).first
        self.assertNotIn("rotation", without)
        self.assertNotIn("rotation", self.cloud.make(extractable=True).first)
        self.put(self.policy("rotation", False))
        self.assertNotIn("rotation", self.cloud.make(extractable=False).first)

    def test_dual_authorization_is_inherited(self):
        self.put(self.policy("dualAuthDelete"))
        key = self.cloud.standard_key()
        self.refused(self.cloud.kp("DELETE", "/keys/" + key), 409, "AUTHORIZATIONS_NOT_MET")

    def test_overrides_only_where_they_belong(self):
        self.refused(self.cloud.make(extractable=False, rotation={"interval_month": 1}), 400, "BAD_BODY_ERR")

    def test_create_and_import_access(self):
        cases = {"create_root_key": {"extractable": False}, "create_standard_key": {"extractable": True},
                 "import_root_key": {"extractable": False, "payload": b64(bytes(32))},
                 "import_standard_key": {"extractable": True, "payload": "YWJj"}}
        for denied in cases:
            self.access(**{name: name != denied for name in cases})
            for name, members in cases.items():
                with self.subTest(denied=denied, name=name):
                    answer = self.cloud.make(**members)
                    if name == denied:
                        self.refused(answer, 409, "KEY_CREATE_IMPORT_ACCESS_ERR")
                    else:
                        self.good(answer, 201)

    def test_import_token_enforced(self):
        self.access(enforce_token=True)
        self.refused(self.cloud.make(extractable=False, payload=b64(bytes(32))), 409, "KEY_CREATE_IMPORT_ACCESS_ERR")
        self.good(self.cloud.make(extractable=True, payload="YWJj"), 201)

    def test_private_network_only(self):
        self.put(self.policy("allowedNetwork", allowed_network="private-only"))
        self.no_access(self.cloud.kp("GET", "/keys"))
        self.good(self.cloud.kp("GET", "/keys", Host="private.us-south.kms.cloud.ibm.com"))
        self.cloud.set(network="private")
        self.good(self.cloud.kp("GET", "/keys"))
        self.cloud.set(network="public")

    def test_allowed_addresses(self):
        self.cloud.control("POST", "/instance-policies", self.policy("allowedIP", allowed_ip=["10.0.0.0/8"]))
        self.no_access(self.cloud.kp("GET", "/keys"))
        self.cloud.control("POST", "/instance-policies", self.policy("allowedIP", allowed_ip=["127.0.0.0/8"]))
        self.good(self.cloud.kp("GET", "/keys"))

    def test_bad_instance_policies(self):
        for one, code in ((self.policy("colour"), "INVALID_FIELD_ERR"),
                          (self.policy("rotation", interval_month=0), "INVALID_FIELD_ERR"),
                          (self.policy("allowedNetwork", allowed_network="none"), "INVALID_FIELD_ERR"),
                          (self.policy("metrics", interval_month=1), "BAD_BODY_ERR"),
                          ({"policy_type": "metrics"}, "INVALID_FIELD_ERR")):
            self.refused(self.put(one), 400, code)
        self.refused(self.put(), 400, "BAD_BODY_ERR")
