# SPDX-License-Identifier: Apache-2.0
"""Who may do what."""

from cloud import CloudTest, KEY_TYPE, collection

ALL = ("reader", "readerplus", "writer", "manager")
WRITERS = ("writer", "manager")


class Roles(CloudTest):
    def check(self, allowed, call):
        for who in ALL + ("purge", "nobody"):
            with self.subTest(who=who):
                answer = call(who)
                if who in allowed:
                    self.assertLess(answer.status, 300, answer.data)
                else:
                    self.no_access(answer)

    def test_reading(self):
        root, kp = self.cloud.root, self.cloud.kp
        for path in ("/keys/%s/metadata" % root, "/keys/%s/versions" % root, "/keys/%s" % root,
                     "/keys/%s/registrations" % root):
            self.check(ALL, lambda who, path=path: kp("GET", path, who=who))
        self.check(ALL, lambda who: kp("POST", "/keys/%s/actions/wrap" % root, "{}", who))
        wrapped = {"ciphertext": self.cloud.act(root, "wrap").json["ciphertext"]}
        for action in ("unwrap", "rewrap"):
            self.check(ALL, lambda who, action=action: self.cloud.act(root, action, wrapped, who=who))

    def test_payloads(self):
        key = self.cloud.standard_key()
        self.check(("readerplus", "writer", "manager"), lambda who: self.cloud.kp("GET", "/keys/" + key, who=who))
        self.check(ALL, lambda who: self.cloud.kp("GET", "/keys/%s/metadata" % key, who=who))

    def test_writing(self):
        kp = self.cloud.kp
        self.check(WRITERS, lambda who: self.cloud.make(who=who, extractable=True, payload="YWJj"))
        self.check(WRITERS, lambda who: self.cloud.act(self.cloud.root_key(), "rotate", who=who))
        self.check(WRITERS, lambda who: self.cloud.act(self.cloud.root_key(), "sync", who=who))
        self.check(WRITERS, lambda who: kp("POST", "/keys/%s/aliases/of-%s" % (self.cloud.root_key(), who), who=who))
        self.check(WRITERS, lambda who: kp("POST", "/key_rings/of-" + who, who=who))
        self.check(WRITERS, lambda who: kp("POST", "/import_token", who=who))

    def test_managing(self):
        kp, act = self.cloud.kp, self.cloud.act
        manager = ("manager",)
        self.check(manager, lambda who: kp("DELETE", "/keys/" + self.cloud.standard_key(), who=who))
        self.check(manager, lambda who: act(self.cloud.root_key(), "disable", who=who))
        self.check(manager, lambda who: kp("PATCH", "/keys/" + self.cloud.root_key(), {"keyRingID": "default"}, who))
        self.check(manager, lambda who: kp("GET", "/instance/policies", who=who))
        self.check(manager, lambda who: kp("GET", "/keys/%s/policies" % self.cloud.root, who=who))
        self.check(manager, lambda who: kp("GET", "/kmip_adapters", who=who))
        disabled, deleted = self.cloud.root_key(), self.cloud.root_key()
        act(disabled, "disable")
        kp("DELETE", "/keys/" + deleted)
        self.cloud.advance(31)
        self.check(manager, lambda who: act(disabled, "enable", who=who))
        self.check(manager, lambda who: kp("POST", "/keys/%s/restore" % deleted, who=who))

    def test_purging(self):
        key = self.cloud.standard_key()
        self.cloud.kp("DELETE", "/keys/" + key)
        self.cloud.advance(5 * 3600)
        self.check(("purge",), lambda who: self.cloud.kp("DELETE", "/keys/%s/purge" % key, who=who))

    def test_list_of_somebody_without_roles(self):
        answer = self.good(self.cloud.kp("GET", "/keys", who="nobody"))
        self.assertEqual({"metadata": {"collectionType": KEY_TYPE, "collectionTotal": 0}}, answer.json)
        self.assertEqual(1, self.cloud.kp("GET", "/keys?search=holdfast", who="reader").json["metadata"][
            "collectionTotal"])

    def test_key_ring_scope(self):
        self.cloud.kp("POST", "/key_rings/mine")
        scoped = self.cloud.control("POST", "/api-keys", {"name": "scoped", "roles": ["Manager"],
                                                          "key_rings": ["mine"]})["value"]
        body = collection({"name": "scoped", "extractable": True, "payload": "YWJj"})
        self.no_access(self.cloud.kp("POST", "/keys", body, scoped))
        key = self.good(self.cloud.kp("POST", "/keys", body, scoped, X_Kms_Key_Ring="mine"), 201).first["id"]
        self.good(self.cloud.kp("GET", "/keys/" + key, who=scoped))
        self.no_access(self.cloud.kp("GET", "/keys/" + self.cloud.root, who=scoped))
        self.no_access(self.cloud.act(self.cloud.root, "wrap", "{}", who=scoped))
        self.no_access(self.cloud.kp("PATCH", "/keys/" + key, {"keyRingID": "default"}, scoped))
        listed = self.cloud.kp("GET", "/keys", who=scoped).json["resources"]
        self.assertEqual([key], [one["id"] for one in listed])
        self.assertEqual("1", self.cloud.kp("HEAD", "/keys", who=scoped).headers["key-total"])
        self.good(self.cloud.kp("DELETE", "/keys/" + key, who=scoped), 204)

    def test_roles_change_at_once(self):
        value = self.cloud.control("POST", "/api-keys", {"name": "changing", "roles": ["Reader"]})["value"]
        self.no_access(self.cloud.make(who=value, extractable=True))
        self.cloud.control("POST", "/api-keys/changing", {"roles": ["Writer"]})
        self.good(self.cloud.make(who=value, extractable=True), 201)
