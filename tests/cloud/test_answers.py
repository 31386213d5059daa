# SPDX-License-Identifier: Apache-2.0
"""Answers of the cloud that are late, lost, broken, or no answers."""

import client
import world
from nodes import CloudCase

# What goes wrong with one call, and is tried again.
PASSING = {
    "429": {"status": 429},
    "429 with Retry-After": {"status": 429, "retry_after": 1},
    "500": {"status": 500},
    "503": {"status": 503},
    "503 with Retry-After": {"status": 503, "retry_after": 1},
    "slow": {"delay": 0.7},
    "slow after the effect": {"delay_after": 0.7},
    "reset before": {"reset": "before"},
    "reset after": {"reset": "after"},
    "closed before": {"close": "before"},
    "closed after": {"close": "after"},
    "503 after the effect": {"status": 503, "after_effect": True},
    "truncated": {"truncate": 40},
    "oversized": {"oversize_mb": 2},
    "broken JSON": {"broken_json": True},
    "not JSON": {"not_json": True},
    "chunked": {"chunked": True},
    "hangs": {"hang": True},
}
# What the cause says while it lasts.
LASTING = {
    "429": ({"status": 429}, "Key Protect answered 429: too many requests"),
    "500": ({"status": 500}, "Key Protect answered 500: trouble on its side"),
    "503": ({"status": 503, "retry_after": 1}, "Key Protect answered 503: trouble on its side"),
    "hangs": ({"hang": True}, "no answer in time"),
    "reset": ({"reset": "before"}, "the connection broke"),
    "truncated": ({"truncate": 40}, "the connection broke"),
    "oversized": ({"oversize_mb": 2}, "its answer is too large"),
    "broken JSON": ({"broken_json": True}, "the answer is not what this request gives"),
    "not JSON": ({"not_json": True}, "the answer is not what this request gives"),
    "redirection": ({"status": 302, "headers": {"Location": "https://localhost:1/"}},
                    "an answer that is no answer of this service"),
    "wrong plaintext": ({"wrong_plaintext": True}, "the answer is not what this request gives"),
}


class Passing(CloudCase):
    """One call fails once; the operation succeeds, and there is one record."""

    def again(self, ask):
        """An operation that may be refused with a word about it when the fault costs the whole time of a call."""
        for _ in range(4):
            answer = ask()
            if answer.status == client.SUCCESS or self.strict:
                return answer.good()
            self.assertRegex(answer.text, "try again|not stored|GRACE")
            world.time.sleep(0.6)
        return ask().good()

    strict = True

    def story(self, action, method, path):
        """Create, change and a cold Get while one of the calls fails."""
        node = self.node("keymanager timeout 3s", "server request-timeout 15s").ready()
        self.cloud.fault(action, 1, method=method, path=path)
        uids = {}
        with node.connect() as connection:
            for _ in range(2):
                uid = self.again(lambda: connection.one(client.CREATE, *client.create_payload())).uid
                uids[uid] = self.again(lambda u=uid: connection.one(client.GET, client.uid_field(u))).material
            for uid in uids:
                connection.one(client.ACTIVATE, client.uid_field(uid)).good()
        node.flushed()
        node.console("cache", "erase")
        with node.connect() as connection:
            for uid, key in uids.items():
                got = self.again(lambda u=uid: connection.one(client.GET, client.uid_field(u))).material
                self.assertEqual(got, key)
            for _ in range(20):  # more than there are spare keys
                uid = self.again(lambda: connection.one(client.CREATE, *client.create_payload())).uid
                uids[uid] = connection.get(uid)
        world.wait_for(lambda: self.hits() >= 1, "the fault has hit")
        node.flushed()
        for uid in uids:
            self.wait_for_one(uid)
        # Nothing but these: a lost answer does not make a second record or object.
        world.wait_for(lambda: len(self.living()) == len(uids), "one record for each object, and no other")
        self.assertEqual({one["name"] for one in self.living()}, {"vmware_kmip_" + uid for uid in uids})
        self.assertEqual(node.listed(), set(uids))
        # A POST whose answer was lost is looked up before it is repeated: no record was ever stored twice.
        stored = [(one["name"], one["description"]) for one in self.standard_keys()]
        self.assertEqual(sorted(stored), sorted(set(stored)))
        node.kill()


def passing(name, action, where, method, path):
    """A test for one fault at one call."""
    def test(self):
        self.strict = name not in ("hangs", "oversized", "broken JSON", "not JSON")
        self.story(action, method, path)
    test.__doc__ = "%s at %s" % (name, where)
    return test


for _where, _method, _path in (("wrap", "POST", "/actions/wrap$"), ("unwrap", "POST", "/actions/unwrap$"),
                               ("post", "POST", "/api/v2/keys$"), ("list", "GET", "/api/v2/keys$"),
                               ("delete", "DELETE", "/api/v2/keys/")):
    for _name, _action in PASSING.items():
        # Each fault at the POST; at the others those that are special there.
        if _where == "post" or _name in ("429", "reset after", "truncated", "not JSON", "hangs"):
            setattr(Passing, "test_%s_%s" % (_where, _name.replace(" ", "_").replace("-", "_").lower()),
                    passing(_name, _action, _where, _method, _path))


class Lasting(CloudCase):
    """The cloud answers badly for a while: GRACE with the cause, never DENIED or REVOKED, and READY again alone."""

    def test_grace_with_cause(self):
        node = self.node("keymanager timeout 1s").ready()
        uid, key = node.create()
        node.flushed()
        for name, (action, cause) in LASTING.items():
            with self.subTest(name):
                self.cloud.fault(action, None, path="/api/v2/keys/" + self.root)
                node.wait_for_state("GRACE", cause)
                self.assertEqual(node.get(uid).good().material, key)
                self.refused(node.new(), "GRACE")
                self.heal()
                node.ready()
                node.new().good()
        self.assertNotIn("REVOKED", node.log())
        self.assertNotIn("DENIED", node.log())
        self.assertNotIn("EXPIRED", node.log())

    def test_records_are_refused_for_a_while(self):
        """Only writing fails: Create is refused with a reason, changes wait in the journal."""
        node = self.node("keymanager timeout 1s").ready()
        uid, _ = node.create()
        self.cloud.fault({"status": 500}, None, method="POST", path="/api/v2/keys$")
        answer = node.new()
        self.refused(answer, "not stored: the disk or the key manager did not take it")
        node.act(client.ACTIVATE, uid)
        world.wait_for(lambda: "did not take a change" in node.log(), "the change is refused")
        world.wait_for(lambda: "1 on their way" in node.field("Changes"), "the status counts it")
        self.heal()
        node.flushed()
        self.wait_for_one(uid)
        self.assertEqual(node.listed(), {uid})
        world.wait_for(lambda: {one["name"] for one in self.living()} == {"vmware_kmip_" + uid},
                       "the refused Create left no record")

    def test_refused_create_whose_record_arrived_leaves_no_living_record(self):
        """The POST takes effect, but all its answers and all look-ups are lost: no zombie in the end."""
        node = self.node("keymanager timeout 1s").ready()
        self.cloud.fault({"reset": "after"}, 1, method="POST", path="/api/v2/keys$")
        self.cloud.fault({"status": 500}, 8, method="GET", path="/api/v2/keys$", query="search")
        answer = node.new()
        self.heal()
        world.wait_for(lambda: len(self.living()) == len(node.listed()), "as many records as objects", pause=0.1)
        if answer.status == client.SUCCESS:
            self.assertEqual(node.listed(), {answer.uid})
        for uid in node.listed():
            self.assertEqual(len(node.get(uid).good().material), 32)

    def test_wrong_plaintext_is_not_served(self):
        """The unwrap of a record gives another key than the one that was made: no Get with the wrong bytes."""
        node = self.node().ready()
        uid, key = node.create()
        node.console("cache", "erase")
        self.cloud.fault({"wrong_plaintext": True}, 1, path="/actions/unwrap$", body=uid)
        answer = node.get(uid)
        self.assertEqual(answer.status, client.FAILED)
        self.assertIn("another key than the one that was made", node.log())
        world.wait_for(lambda: node.get(uid).status == client.SUCCESS, "it is fetched again", pause=0.2)
        self.assertEqual(node.get(uid).good().material, key)

    def test_retry_after_is_heeded(self):
        """After Retry-After no call goes to the cloud before its time."""
        node = self.node("keymanager timeout 8s", "server request-timeout 15s").ready()
        self.cloud.fault({"status": 429, "retry_after": 3}, 1, path="/api/v2/keys")
        world.wait_for(lambda: self.hits() == 1, "too many requests")
        begin = world.time.monotonic()
        world.time.sleep(0.3)  # calls that were under way
        before = self.count("", "/api/v2")
        node.new().good()
        self.assertGreater(world.time.monotonic() - begin, 2)
        self.assertLessEqual(self.count("", "/api/v2") - before, 12)

    def test_odd_answers_of_a_list(self):
        """Members that are missing or of another type make no record of what is none."""
        node = self.node().ready()
        uid, key = node.create()
        node.flushed()
        for action in ({"set_json": {"name": 7}}, {"set_json": {"description": None}}, {"set_json": {"id": "x"}},
                       {"body": "[]"}, {"body": "{}"}, {"body": ""}, {"body": '{"resources":null}'},
                       {"body": '{"metadata":{},"resources":[1,"a",null,[],{}]}'}):
            with self.subTest(**action):
                if "body" in action:
                    action = dict(action, status=200)
                self.cloud.fault(action, 3, method="GET", path="/api/v2/keys$")
                world.wait_for(lambda: self.hits() == 3, "three odd lists")
                self.heal()
                self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual(node.listed(), {uid})
        node.create()
