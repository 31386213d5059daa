# SPDX-License-Identifier: Apache-2.0
"""GET and HEAD /keys: pages, order, search, filter."""

import time
import urllib.parse

from cloud import CloudTest, KEY_TYPE


class Lists(CloudTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, extractable, aliases in (("vmware_kmip_one", True, []), ("vmware_kmip_two", True, ["second"]),
                                           ("Other", True, ["vmware_alias"]), ("not:good", False, [])):
            cls.cloud.make(name, extractable=extractable, aliases=aliases)
            cls.cloud.advance(10)
        cls.gone = cls.cloud.make("vmware_kmip_gone", extractable=True).first["id"]
        cls.cloud.kp("DELETE", "/keys/" + cls.gone)

    def names(self, **query):
        answer = self.good(self.cloud.kp("GET", "/keys?" + urllib.parse.urlencode(query)))
        self.assertEqual({"collectionType": KEY_TYPE, "collectionTotal": len(answer.json["resources"])},
                         answer.json["metadata"])
        self.assertEqual([], [key for key in answer.json["resources"] if "payload" in key])
        total = self.cloud.kp("HEAD", "/keys?" + urllib.parse.urlencode(query)).headers["key-total"]
        if "limit" not in query and "offset" not in query:
            self.assertEqual(int(total), len(answer.json["resources"]))
        return [key["name"] for key in answer.json["resources"]]

    def test_default_is_all_living_keys_by_id(self):
        keys = self.cloud.kp("GET", "/keys").json["resources"]
        self.assertEqual(5, len(keys))
        self.assertEqual(sorted(key["id"] for key in keys), [key["id"] for key in keys])
        backwards = self.cloud.kp("GET", "/keys?sort=-id").json["resources"]
        self.assertEqual(keys[::-1], backwards)

    def test_head(self):
        answer = self.good(self.cloud.kp("HEAD", "/keys"))
        self.assertEqual(("5", b""), (answer.headers["key-total"], answer.data))

    def test_states(self):
        self.assertEqual(["vmware_kmip_gone"], self.names(state="5"))
        self.assertEqual(6, len(self.names(state="1,2,3,5")))
        self.assertEqual([], self.names(state="2"))

    def test_empty_list_has_resources(self):
        self.assertEqual([], self.cloud.kp("GET", "/keys?state=2").json["resources"])

    def test_extractable(self):
        self.assertEqual(3, len(self.names(extractable="true")))
        self.assertEqual(2, len(self.names(extractable="False")))

    def test_order_of_creation(self):
        self.assertEqual(["not:good", "Other", "vmware_kmip_two", "vmware_kmip_one"],
                         self.names(sort="-creationDate")[:4])
        self.assertEqual(["holdfast-root", "vmware_kmip_one"], self.names(sort="creationDate")[:2])
        self.assertEqual("not:good", self.names(sort="extractable,-name")[0])

    def test_pages(self):
        whole = self.names(sort="name")
        self.assertEqual(whole[1:3], self.names(sort="name", limit=2, offset=1))
        self.assertEqual([], self.names(offset=100))

    def test_limit_out_of_bounds(self):
        for limit in ("0", "5001", "x", "-1"):
            answer = self.cloud.kp("GET", "/keys?limit=" + limit)
            self.refused(answer, 400, "INVALID_QUERY_PARAM_ERR")
            self.assertEqual("The query_param must be: an integer between 1 and 5000 (inclusive)",
                             answer.reason["message"])
        self.good(self.cloud.kp("GET", "/keys?limit=5000&offset=0"))

    def test_default_limit(self):
        self.cloud.control("POST", "/keys", {"name": "many", "extractable": True, "count": 210})
        self.assertEqual(200, len(self.cloud.kp("GET", "/keys?search=many").json["resources"]))
        self.assertEqual("210", self.cloud.kp("HEAD", "/keys?search=many").headers["key-total"])
        pages = [self.cloud.kp("GET", "/keys?search=many&limit=70&offset=%d" % at).json["resources"]
                 for at in (0, 70, 140, 210)]
        self.assertEqual(210, len({key["id"] for page in pages for key in page}))
        for key in self.cloud.control("GET", "/keys")["keys"]:
            if key["name"].startswith("many"):
                self.cloud.control("POST", "/keys/%s/purge" % key["id"])

    def test_search(self):
        for search, found in (("VMWARE_", {"vmware_kmip_one", "vmware_kmip_two", "Other"}),
                              ("vmware_kmip,", {"vmware_kmip_one", "vmware_kmip_two"}),
                              ("name:vmware", {"vmware_kmip_one", "vmware_kmip_two"}),
                              ("alias:vmware", {"Other"}), ("exact:name:other", {"Other"}),
                              ("exact:name:vmware", set()), ("exact:second", {"vmware_kmip_two"}),
                              ("not:name:vmware", {"Other", "not:good", "holdfast-root"}),
                              ("escape:not:good", {"not:good"}), ("nothing", set())):
            with self.subTest(search=search):
                self.assertEqual(found, set(self.names(search=search)))

    def test_filter(self):
        middle = self.cloud.kp("GET", "/keys?search=Other").first["creationDate"]
        for text, found in (("extractable=false", {"not:good", "holdfast-root"}),
                            (" extractable=True state=5", {"vmware_kmip_gone"}),
                            ('creationDate=gt:"%s" state=1' % middle, {"not:good"}),
                            ("creationDate=lt:%s extractable=true" % middle, {"vmware_kmip_one", "vmware_kmip_two"}),
                            ("deletionDate=none extractable=false", {"not:good", "holdfast-root"})):
            with self.subTest(text=text):
                self.assertEqual(found, set(self.names(filter=text)))
        for text in ("colour=red", "creationDate=gt:soon", "=", "state=x"):
            with self.subTest(text=text):
                self.refused(self.cloud.kp("GET", "/keys?filter=" + urllib.parse.quote(text)),
                             400, "INVALID_QUERY_PARAM_ERR")

    def test_unknown_sort(self):
        self.refused(self.cloud.kp("GET", "/keys?sort=colour"), 400, "INVALID_QUERY_PARAM_ERR")

    def test_key_ring_header(self):
        self.cloud.kp("POST", "/key_rings/listed")
        made = self.cloud.kp("POST", "/keys", {"metadata": {"collectionType": KEY_TYPE, "collectionTotal": 1},
                                               "resources": [{"name": "ringed", "extractable": True}]},
                             X_Kms_Key_Ring="listed").first
        self.assertEqual("listed", made["keyRingID"])
        listed = self.cloud.kp("GET", "/keys", X_Kms_Key_Ring="listed").json["resources"]
        self.assertEqual(["ringed"], [key["name"] for key in listed])
        self.cloud.control("POST", "/keys/%s/purge" % made["id"])

    def test_lag_of_lists(self):
        self.cloud.set(list_lag_ms=300)
        key = self.cloud.make("late", extractable=True).first["id"]
        self.cloud.set(list_lag_ms=0)
        self.assertEqual([], self.names(search="exact:late"))
        self.good(self.cloud.kp("GET", "/keys/" + key))
        time.sleep(0.35)
        self.assertEqual(["late"], self.names(search="exact:late"))
        self.cloud.control("POST", "/keys/%s/purge" % key)

    def test_too_many_to_search(self):
        self.cloud.control("POST", "/keys", {"name": "crowd", "extractable": True, "count": 5000})
        try:
            self.refused(self.cloud.kp("GET", "/keys?search=crowd"), 400, "KEY_SEARCH_TOO_BROAD")
            self.assertEqual(5000, len(self.cloud.kp("GET", "/keys?limit=5000").json["resources"]))
        finally:
            for key in self.cloud.control("GET", "/keys")["keys"]:
                if key["name"].startswith("crowd"):
                    self.cloud.control("POST", "/keys/%s/purge" % key["id"])
