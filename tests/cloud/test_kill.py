# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random under load, with one and two servers: what a client was told is there."""

import os
import random
import time

import client
import test_durability
import world
from nodes import CloudCase


class Kill(CloudCase):
    """Clients make keys and change them; the server, or one of two, is killed again and again."""

    ROUNDS = 5

    def setUp(self):
        super().setUp()
        self.seed = int.from_bytes(os.urandom(4), "big")
        self.random = random.Random(self.seed)

    def worker(self, node):
        """A client of one server."""
        made = test_durability.Worker(node, node.identity, [], self.random.random())
        made.start()
        return made

    def join(self, *workers):
        """Wait for clients whose server is gone; all the keys they know."""
        things = []
        for worker in workers:
            worker.join(world.PATIENCE)
            if worker.error is not None:
                raise worker.error
            things += worker.things
        return things

    def check(self, node, things):
        """Compare what a server has with what the clients know."""
        judge = test_durability.Kill("test_kill_under_load")
        judge.seed = self.seed
        with node.connect() as connection:
            for thing in things:
                judge.check(connection, thing)

    def settle(self, node, things):
        """Exactly one record lives for each object, none for a destroyed one, the same at an empty disk."""
        node.flushed()

        def one_each():
            names = [record["name"] for record in self.living()]
            return len(names) == len(set(names))

        world.wait_for(one_each, "no object has two living records (seed %d)" % self.seed, pause=0.1)
        fresh = self.node().ready()
        world.wait_for(lambda: "still reading" not in fresh.status(), "the catalogue is complete")
        self.check(fresh, things)
        for thing in things:
            if thing.destroyed:
                self.assertEqual(node.get(thing.uid).reason, client.ITEM_NOT_FOUND, "seed %d" % self.seed)

    def test_one_node(self):
        """Slow calls, so that some are always under way."""
        self.cloud.set(round_trip_ms=5)
        node, things = self.node("store flush-window 100ms").ready(), []
        for _ in range(self.ROUNDS):
            workers = [self.worker(node) for _ in range(3)]
            time.sleep(self.random.uniform(0.1, 0.8))
            node.kill()
            new = self.join(*workers)
            node.start().ready()
            self.check(node, new)
            things += new
        self.assertGreater(len(things), self.ROUNDS)
        self.check(node, things)
        self.settle(node, things)

    def test_one_of_two_nodes(self):
        """The other goes on, and knows in the end what the killed one has confirmed."""
        one, two = self.node().ready(), self.node().ready()
        things, other = [], self.worker(two)
        for _ in range(self.ROUNDS):
            worker = self.worker(one)
            time.sleep(self.random.uniform(0.1, 0.8))
            one.kill()
            things += self.join(worker)
            self.assertIsNone(other.error)
            one.start().ready()
        self.check(one, things)
        two.stop()
        others = self.join(other)
        two.start().ready()
        one.flushed()
        two.flushed()
        self.assertGreater(len(others), 0)

        def agreed(node, thing):
            answer = node.get(thing.uid)
            if thing.destroyed:
                return answer.reason == client.ITEM_NOT_FOUND
            if answer.status != client.SUCCESS:
                return False
            found = node.attributes(thing.uid)
            return found["State"] == thing.state and {
                name: value for name, value in found.items() if name.startswith("x-")} == thing.attributes

        self.check(two, others)
        for node, known in ((two, things), (one, others)):
            for thing in known:
                world.wait_for(lambda n=node, t=thing: agreed(n, t), "both agree on %s (seed %d)" % (thing, self.seed))
        self.settle(one, things + others)
