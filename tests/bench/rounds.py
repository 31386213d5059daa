# SPDX-License-Identifier: Apache-2.0
"""What is measured, one window after the other, all servers in turn within a round."""

import os
import time

import load
from load import Unmeasured

CROWDS = [1, 8, 64]       # connections of the warm Gets
CREATORS = [1, 64]        # connections of the Creates
STORM = 300               # clients that all handshake at once
HANDSHAKERS = 4           # enough to keep the server busy
SCALE = ["get", "create", "locate-name", "locate-uid"]
CREATES_A_WINDOW = 400
NAME_EVERY = 2            # of the objects that fill a store


class Plan:
    """How long each window is and how much is stored."""

    def __init__(self, quick):
        self.quick = quick
        self.seconds = 80 if quick else 330
        self.rounds = 2 if quick else 5
        self.storm_rounds = 1 if quick else 3
        self.window = 0.4 if quick else 0.7
        self.handshake_window = 0.7 if quick else 1.2
        self.storm_window = 3.0 if quick else 5.0
        self.pykmip_window = 0.6 if quick else 1.0
        self.keys = 2000 if quick else 16384
        self.few = 1000
        self.many = 10000 if quick else 100000
        self.fill_seconds = 20 if quick else 75


class Rounds:
    """Runs the windows against the given servers and keeps the figures."""

    def __init__(self, plan, servers, identities, folder, figures):
        self.plan = plan
        self.servers = servers        # by name: ours, few, many, echo, echo_ec, openssl, openssl_ec, pykmip
        self.identities = identities
        self.folder = folder
        self.figures = figures
        self.problems = []
        self.objects = {}             # how many were stored, by server
        self.round = 0

    def uids(self, whom):
        return os.path.join(self.folder, "uids-" + whom)

    def _run(self, whom, mode, kind="rsa", **options):
        server = self.servers.get(whom)
        if server is None:
            return None
        try:
            return load.run(server, mode, self.identities, kind, **options)
        except Unmeasured as problem:
            self.problems.append(str(problem))
            return None

    def _keep(self, what, whom, values, keys):
        for title, key in keys.items():
            if values is not None:
                self.figures.add(what + " " + title, whom, self.round, values[key])

    def _in_turn(self, names):
        """Every other round in the opposite order, so that what drifts does not favour anybody."""
        return names if self.round % 2 == 0 else names[::-1]

    def fill(self, whom, count, connections, batch, name_every=0):
        values = self._run(whom, "fill", connections=connections, batch=batch, count=count, name_every=name_every,
                           uids=self.uids(whom), seconds=self.plan.fill_seconds)
        if values is None:
            self.servers[whom] = None
            return
        with open(self.uids(whom)) as f:
            self.objects[whom] = sum(1 for _ in f)
        # Every key once: from here on a Get is a warm Get.
        self._run(whom, "get", connections=8, requests=self.objects[whom], seconds=60, sequential=1,
                  uids=self.uids(whom))

    def warm_gets(self):
        for crowd in CROWDS:
            for whom in self._in_turn(["ours", "echo", "openssl", "pykmip"]):
                slow = whom == "pykmip"
                if slow and crowd == CROWDS[-1] and self.round > 1:
                    continue  # its 64 connections take seconds to open; the ratio does not need more
                mode, options = ("get", {"uids": self.uids(whom)}) if whom in ("ours", "pykmip") else ("echo", {})
                values = self._run(whom, mode, connections=crowd,
                                   seconds=self.plan.pykmip_window if slow else self.plan.window, **options)
                if values and slow:
                    values["cpu_each_us"] += values["child_each_us"]
                self._keep("get %d" % crowd, whom, values,
                           {"rate": "rate", "cpu": "cpu_each_us", "p50": "p50_us", "p99": "p99_us"})

    def handshakes(self):
        for kind, end in (("rsa", ""), ("ec", "_ec")):
            for whom in self._in_turn(["ours", "echo", "openssl"]):
                name = whom if whom == "ours" else whom + end
                values = self._run(name, "handshake", kind, connections=HANDSHAKERS, warmup=0.05,
                                   seconds=self.plan.handshake_window)
                self._keep("handshake " + kind, whom, values, {"cpu": "cpu_each_us", "rate": "rate"})
                values = self._run(name, "resume", kind, connections=HANDSHAKERS, seconds=self.plan.window)
                if values and values["resumed"] < values["done"]:
                    self.problems.append("%s: %d of %d %s handshakes were not resumed" % (
                        whom, values["done"] - values["resumed"], values["done"], kind))
                    values = None
                self._keep("resume " + kind, whom, values, {"cpu": "cpu_each_us", "rate": "rate"})
        values = self._run("pykmip", "handshake", connections=HANDSHAKERS, warmup=0.05,
                           seconds=self.plan.pykmip_window)
        self._keep("handshake rsa", "pykmip", values, {"cpu": "cpu_each_us", "rate": "rate"})

    def step(self):
        """The longest that one handshake step keeps the server, as a lone client sees it."""
        for whom in self._in_turn(["ours", "echo"]):
            values = self._run(whom, "handshake", connections=1, warmup=0, seconds=self.plan.window / 2)
            if values:
                self.figures.add("step rsa", whom, self.round, max(values["step1_us"], values["step2_us"]))

    def resumed_client_is_known(self):
        """A resumed connection that may do nothing would be fast for nothing."""
        self._run("ours", "resume", connections=HANDSHAKERS, requests=4 * HANDSHAKERS, each=1, uids=self.uids("ours"))

    def creates(self):
        keys = {"rate": "rate", "cpu": "cpu_each_us", "child": "child_each_us", "p50": "p50_us", "p99": "p99_us"}
        for crowd in CREATORS:
            # PyKMIP does one request at a time whatever the connections.
            for whom in self._in_turn(["few", "pykmip"] if crowd == 1 else ["few"]):
                values = self._run(whom, "create", connections=crowd, requests=CREATES_A_WINDOW,
                                   seconds=self.plan.pykmip_window)
                self._keep("create %d" % crowd, "ours" if whom == "few" else whom, values, keys)

    def scale(self):
        for mode in SCALE:
            for whom in self._in_turn(["few", "many"]):
                stored = self.objects.get(whom, 0)
                options = {"uids": self.uids(whom), "seconds": self.plan.window}
                if mode == "create":
                    options["requests"] = CREATES_A_WINDOW
                if mode == "locate-name":
                    options.update(count=stored // NAME_EVERY, name_every=NAME_EVERY)
                values = self._run(whom, mode, connections=8, **options)
                if values:
                    cost = values["cpu_each_us"] + values["child_each_us"]
                    self.figures.add("scale " + mode, whom, self.round, cost)

    def storm(self):
        for whom in self._in_turn(["ours", "echo"]):
            options = {"uids": self.uids("ours")} if whom == "ours" else {}
            values = self._run(whom, "storm", connections=STORM, seconds=self.plan.storm_window, **options)
            self._keep("storm", whom, values, {"p50": "p50_us", "p99": "p99_us", "max": "max_us",
                                               "handshakes": "handshake_rate", "refused": "refused"})

    def all(self, begun):
        longest = 0
        self.resumed_client_is_known()
        while self.round < self.plan.rounds and time.monotonic() - begun + longest < self.plan.seconds:
            start = time.monotonic()
            self.warm_gets()
            self.handshakes()
            self.step()
            self.creates()
            self.scale()
            if self.round < self.plan.storm_rounds:
                self.storm()
            self.round += 1
            longest = max(longest, time.monotonic() - start)
