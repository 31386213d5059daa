# SPDX-License-Identifier: Apache-2.0
"""kill -9 while a call to the cloud is under way: before it takes effect, and after, when the answer is lost."""

import threading

import client
import nodes
import world
from nodes import CloudCase

CALLS = r"/actions/(wrap|rewrap)$|/api/v2/keys$|/api/v2/keys/[^/]*$"
REASON = client.structure("Revocation Reason", client.enumeration("Revocation Reason Code", 6))


class Boundary(CloudCase):
    """The n-th call of an operation freezes, the server dies there, and is started again."""

    # More than any operation makes; where no call freezes any more, its end is reached.
    MOST = 8

    def freeze(self, number, after, method=None, path=CALLS, **match):
        """Freeze the n-th call that matches."""
        if method:
            match["method"] = method
        self.cloud.fault({"delay_after": 120} if after else {"hang": True}, 1, skip=number, path=path, **match)

    def attempt(self, node, work):
        """Do something in the background that may never end; its result comes into the list."""
        done = []

        def guarded():
            try:
                done.append(work(node))
            except (client.Closed, AssertionError, OSError):
                pass  # the server was killed

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread, done

    def kill_at(self, node, work, freeze):
        """Work, kill it when the call has frozen, start again. What was acknowledged; None: no call froze."""
        freeze()
        thread, done = self.attempt(node, work)
        finished = lambda: self.hits() == 1 or (not thread.is_alive() and self.is_idle(node))  # noqa: E731
        world.wait_for(finished, "a call freezes, or all is done")
        froze = self.hits() == 1
        if froze:
            # Whoever is to be answered before this call ends gets the answer.
            thread.join(0.15)
        node.kill()
        thread.join(world.PATIENCE)
        self.heal()
        self.cloud.control("POST", "/drop-connections")
        node.start().ready()
        return froze, done[0] if done else None

    @staticmethod
    def is_idle(node):
        """Whether nothing is on its way."""
        return node.running() and " 0 on their way" in node.status()

    def settle(self, node, expected):
        """In the end each object has exactly one living record, the same everywhere, and no other record lives."""
        node.flushed()
        for uid in expected:
            self.wait_for_one(uid)
        world.wait_for(lambda: len(self.living()) == len(node.listed()), "no record without an object")
        fresh = self.node().ready()
        for uid in node.listed() | set(expected):
            ours, theirs = node.get(uid), fresh.get(uid)
            self.assertEqual((ours.status, theirs.status), (client.SUCCESS, client.SUCCESS), ours.text or theirs.text)
            self.assertEqual(ours.material, theirs.material)
            self.assertEqual(node.attributes(uid)["State"], fresh.attributes(uid)["State"])
        self.assertEqual({one["name"] for one in self.living()}, {nodes.PREFIX + uid for uid in node.listed()})
        fresh.kill()

    def rounds(self, prepare, work, check, **match):
        """All boundaries of one operation; `match` says which calls belong to it."""
        froze_once = 0
        for number in range(self.MOST):
            froze = False
            for after in (False, True):
                with self.subTest(call=number, after=after):
                    self.reset()
                    node = self.node().ready()
                    thing = prepare(node)
                    node.flushed()
                    froze, done = self.kill_at(node, lambda n, t=thing: work(n, t),
                                               lambda k=number, a=after: self.freeze(k, a, **match))
                    check(node, thing, done)
                    node.kill()
                    froze_once += froze
            if not froze:
                break
        self.assertGreaterEqual(froze_once, 2, "no call froze: the test is blind")

    # ---- Create ----

    def check_created(self, node, _thing, done):
        """A Create that was acknowledged is there; one that was not is there whole, or not at all."""
        if done:
            uid, key = done
            self.assertEqual(node.get(uid).good().material, key)
        self.settle(node, [done[0]] if done else [])
        self.assertLessEqual(len(node.listed()), 1)

    @staticmethod
    def create(node, _thing):
        """Create and Get."""
        return node.create()

    def test_create_record(self):
        self.rounds(lambda node: None, self.create, self.check_created, method="POST", path="/api/v2/keys$")

    def test_create_wrap(self):
        """The wrap that makes spare keys: no object comes of it."""
        for after in (False, True):
            with self.subTest(after=after):
                self.reset()
                self.freeze(0, after, path="/actions/wrap$")
                node = self.node()
                world.wait_for(lambda: self.hits() == 1, "the wrap freezes")
                node.kill()
                self.heal()
                node.start().ready()
                uid, key = node.create()
                self.assertEqual(node.get(uid).good().material, key)
                self.assertEqual(node.listed(), {uid})
                node.kill()

    def test_create_waits_for_keymanager_without_journal(self):
        """store journal off: what was acknowledged is in the cloud."""
        for number in range(3):
            for after in (False, True):
                with self.subTest(call=number, after=after):
                    self.reset()
                    node = self.node("store journal off").ready()
                    _, done = self.kill_at(node, lambda n: self.create(n, None),
                                           lambda k=number, a=after: self.freeze(k, a, method="POST",
                                                                                 path="/api/v2/keys$"))
                    world.wait_for(lambda n=node: "still reading" not in n.status(), "the catalogue is complete")
                    self.check_created(node, None, done)
                    node.kill()

    # ---- changes ----

    @staticmethod
    def made(node):
        """An active key."""
        uid, key = node.create()
        node.act(client.ACTIVATE, uid)
        return uid, key

    @staticmethod
    def change(node, thing):
        """An attribute."""
        node.act(client.ADD_ATTRIBUTE, thing[0], client.attribute("x-Name", client.text, "changed"))
        return True

    def check_changed(self, node, thing, done):
        """The acknowledged attribute is there."""
        uid, key = thing
        self.assertEqual(node.get(uid).good().material, key)
        found = node.attributes(uid)
        self.assertEqual(found["State"], client.ACTIVE)
        if done:
            self.assertEqual(found.get("x-Name"), "changed")
        self.settle(node, [uid])

    def test_attribute_look_up(self):
        self.rounds(self.made, self.change, self.check_changed, method="GET", path="/api/v2/keys$",
                    query="search=name:vmware_kmip_")

    def test_attribute_record(self):
        self.rounds(self.made, self.change, self.check_changed, method="POST", path="/api/v2/keys$")

    def test_attribute_removal_of_the_old(self):
        self.rounds(self.made, self.change, self.check_changed, method="DELETE")

    @staticmethod
    def revoke(node, thing):
        """Revoke."""
        node.act(client.REVOKE, thing[0], REASON)
        return True

    def check_revoked(self, node, thing, done):
        """An acknowledged Revoke is never undone."""
        state = node.attributes(thing[0])["State"]
        self.assertIn(state, (client.DEACTIVATED,) if done else (client.ACTIVE, client.DEACTIVATED))
        node.flushed()
        self.wait_for_one(thing[0])
        fresh = self.node().ready()
        after = fresh.attributes(thing[0])["State"]
        self.assertIn(after, (client.DEACTIVATED,) if done or state == client.DEACTIVATED
                      else (client.ACTIVE, client.DEACTIVATED))
        fresh.kill()

    def test_revoke(self):
        for method in ("POST", "DELETE"):
            self.rounds(self.made, self.revoke, self.check_revoked, method=method, path="/api/v2/keys")

    @staticmethod
    def destroy(node, thing):
        """Destroy."""
        node.act(client.DESTROY, thing[0])
        return True

    def check_destroyed(self, node, thing, done):
        """No zombie: what was destroyed stays so, here and at a server with an empty disk."""
        gone = node.get(thing[0]).status == client.FAILED
        self.assertTrue(gone or not done, "an acknowledged Destroy was undone")
        node.flushed()
        fresh = self.node().ready()
        for each in (node, fresh):
            if gone:
                world.wait_for(lambda n=each: n.get(thing[0]).reason == client.ITEM_NOT_FOUND, "it stays destroyed")
        world.wait_for(lambda: len(self.living(thing[0])) <= 1, "at most one record lives")
        fresh.kill()

    def test_destroy(self):
        def fresh_key(node):
            return node.create()

        for method in ("POST", "DELETE"):
            self.rounds(fresh_key, self.destroy, self.check_destroyed, method=method, path="/api/v2/keys")

    # ---- rotation ----

    def test_rewrap(self):
        """The sweep after a rotation is killed at each of its calls."""
        for method, path in (("POST", "/actions/rewrap$"), ("POST", "/api/v2/keys$"), ("DELETE", "/api/v2/keys/")):
            for after in (False, True):
                with self.subTest(path=path, after=after):
                    self.reset()
                    node = self.node().ready()
                    keys = dict(node.create() for _ in range(3))
                    node.flushed()
                    for uid in keys:
                        self.wait_for_one(uid)
                    before = {record["id"] for record in self.living()}
                    self.freeze(1, after, method=method, path=path)
                    self.change_root("rotate")
                    world.wait_for(lambda: self.hits() == 1, "the sweep freezes")
                    node.kill()
                    self.heal()
                    node.start().ready()
                    world.wait_for(lambda b=before: not b & {record["id"] for record in self.living()},
                                   "the sweep is ended by the next run")
                    for uid, key in keys.items():
                        self.assertEqual(node.get(uid).good().material, key)
                    self.settle(node, keys)
                    node.kill()
