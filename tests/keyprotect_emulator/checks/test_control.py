# SPDX-License-Identifier: Apache-2.0
"""The control port itself, options, files."""

import os

from cloud import Cloud, CloudTest


class Control(CloudTest):
    options = ("--scale", "100", "--region", "eu-de", "--server-key", "ec")

    def test_files(self):
        about, folder = self.cloud.about, self.cloud.folder
        for name in ("ca.pem", "server.pem", "server.key", "instance.json"):
            self.assertTrue(os.path.exists(os.path.join(folder, name)))
        for name in ("server.key", "instance.json"):
            self.assertEqual(0o600, os.stat(os.path.join(folder, name)).st_mode & 0o777)
        with open(os.path.join(folder, "ready"), encoding="ascii") as file:
            self.assertEqual("%d %d\n" % (about["port"], about["control_port"]), file.read())
        self.assertEqual(("eu-de", "holdfast-root", None), (about["region"], about["root_key_alias"],
                                                            about["broker_url"]))
        self.assertEqual(about["root_key_id"], self.cloud.kp("GET", "/keys/holdfast-root").first["id"])
        self.assertIn(":eu-de:", self.cloud.kp("GET", "/keys/holdfast-root").first["crn"])

    def test_counters(self):
        self.cloud.token()
        self.cloud.control("POST", "/reset-counters")
        for _ in range(3):
            self.cloud.act(self.cloud.root, "wrap")
        self.cloud.kp("GET", "/keys/nothing")
        self.cloud.kp("GET", "/rubbish")
        shown = self.cloud.control("GET", "/counters")
        self.assertEqual({"POST /api/v2/keys/{id}/actions/wrap": 3, "GET /api/v2/keys/{id}": 1, "GET (unknown)": 1},
                         shown["requests"])
        self.assertEqual(5, shown["total"])
        requests = self.cloud.control("GET", "/requests")["requests"]
        self.assertEqual([200, 200, 200, 404, 404], [one["status"] for one in requests])
        self.assertEqual("/api/v2/keys/nothing", requests[3]["target"])

    def test_scale(self):
        key = self.cloud.root_key()
        self.cloud.act(key, "disable")
        self.refused(self.cloud.act(key, "enable"), 409, "REQ_TOO_EARLY_ERR")
        self.cloud.advance(0.4)
        self.good(self.cloud.act(key, "enable"), 204)
        self.cloud.kp("DELETE", "/keys/" + key)
        self.cloud.advance(4 * 3600 / 100 + 1)
        self.good(self.cloud.kp("DELETE", "/keys/%s/purge" % key), 204)

    def test_changes_without_rules(self):
        key = self.cloud.root_key()
        for change, state in (("disable", 2), ("enable", 1), ("delete", 5), ("restore", 1), ("expire", 3),
                              ("unexpire", 1), ("rotate", 1), ("rotate", 1)):
            self.assertEqual(state, self.cloud.control("POST", "/keys/%s/%s" % (key, change))["state"], change)
        self.assertEqual(3, len(self.cloud.control("GET", "/keys/" + key)["versions"]))
        self.cloud.control("POST", "/keys/%s/purge" % key)
        self.cloud.control("GET", "/keys/" + key, status=404)

    def test_keys(self):
        made = self.cloud.control("POST", "/keys", {"name": "some", "extractable": True, "payload": "YWJj",
                                                    "count": 3})["keys"]
        self.assertEqual(["some0", "some1", "some2"], [key["name"] for key in made])
        self.assertEqual("YWJj", self.cloud.control("GET", "/keys/" + made[0]["id"])["payload"])
        self.assertEqual("YWJj", self.cloud.kp("GET", "/keys/" + made[1]["id"]).first["payload"])

    def test_state_and_settings(self):
        state = self.cloud.control("GET", "/state")
        self.assertEqual((self.cloud.about["instance_id"], 100.0), (state["instance_id"], state["settings"]["scale"]))
        self.assertEqual(state["settings"], self.cloud.control("GET", "/settings"))
        for wrong in ({"colour": 1}, {"certificate": "nice"}, {"round_trip_ms": -1}, {"list_lag_ms": True},
                      {"chunked": 1}):
            self.cloud.control("POST", "/settings", wrong, 400)
        self.assertEqual(state["settings"], self.cloud.control("GET", "/settings"))

    def test_mistakes(self):
        self.cloud.control("GET", "/nothing", status=404)
        self.cloud.control("POST", "/api-keys", {"name": "x", "roles": ["King"]}, 400)
        self.cloud.control("POST", "/api-keys/nobody-has-this", {"disabled": True}, 404)
        self.cloud.control("POST", "/keys", {"name": "x"}, 400)
        self.cloud.control("POST", "/keys", {"name": "xx", "colour": "red"}, 400)


class Twice(CloudTest):
    def test_two_clouds_know_nothing_of_each_other(self):
        other = Cloud()
        try:
            wrapped = self.cloud.act("holdfast-root", "wrap").json["ciphertext"]
            self.refused(other.act("holdfast-root", "unwrap", {"ciphertext": wrapped}),
                         422, "UNPROCESSABLE_CIPHERTEXT_ERR")
        finally:
            other.stop()
