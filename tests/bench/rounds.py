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
WARMUP = 0.03             # seconds before a short window
PAIR_WARMUP = 0.003       # on connections that are warm: for what the other server has put out of the caches
FLUSHED = 2.3             # seconds after which the server has written what was created, its flush window being two


class Plan:
    """How long each window is and how much is stored."""

    def __init__(self, quick):
        self.seconds = 60 if quick else 320
        self.rounds = 1 if quick else 4
        self.storm_rounds = 1 if quick else 3
        self.slices = 4 if quick else 5        # windows a round of what is compared, in turn with the other's
        self.pairs = 50 if quick else 40       # of windows a round, where two are measured in turn on warm connections
        self.pair_window = 0.02
        self.window = 0.15
        self.handshake_window = 0.4
        self.storm_window = 3.0 if quick else 5.0
        self.pykmip_window = 0.6 if quick else 1.0
        self.create_slices = 1 if quick else 2
        self.keys = 4096 if quick else 16384
        self.few = 1000
        self.many = 10000 if quick else 100000
        self.fill_seconds = 20 if quick else 60
        self.flush_seconds = 10 if quick else 30


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
        self._turns = 0
        self._hurry = time.monotonic() + plan.seconds / 2

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
                self.figures.add(what + " " + title, whom, values[key])

    def _in_turn(self, names):
        """Every other time in the opposite order, so that what drifts does not favour anybody."""
        self._turns += 1
        return names if self._turns % 2 == 0 else names[::-1]

    def _slices(self, count):
        """That many windows; on a machine that is busy with something else one, once half of the time is over."""
        for i in range(count):
            if i > 0 and time.monotonic() > self._hurry:
                return
            yield i

    def fill(self, whom, count, connections, name_every=0):
        values = self._run(whom, "fill", connections=connections, count=count, name_every=name_every,
                           uids=self.uids(whom), seconds=self.plan.fill_seconds)
        if values is None:
            self.servers[whom] = None
            return
        with open(self.uids(whom)) as f:
            self.objects[whom] = sum(1 for _ in f)
        if self.objects[whom] < count:
            self.problems.append("%s: %d of %d objects in %d s" % (
                whom, self.objects[whom], count, self.plan.fill_seconds))

    def describe(self, whom):
        """Adds vCenter's six attributes to every key."""
        return self._run(whom, "describe", connections=64, seconds=self.plan.fill_seconds, uids=self.uids(whom))

    def warm(self, whom):
        """Every key once: from here on a Get is a warm Get."""
        self._run(whom, "get", connections=8, requests=self.objects.get(whom, 0), seconds=60, sequential=1,
                  uids=self.uids(whom))

    def _get_mode(self, whom, options):
        if whom not in ("ours", "pykmip"):
            return "echo", options
        return "get", dict(options, uids=self.uids(whom))

    def _keep_get(self, whom, crowd, values):
        if values:
            values["cpu_each_us"] += values["child_each_us"]
        self._keep("get %d" % crowd, whom, values,
                   {"rate": "rate", "cpu": "cpu_each_us", "p50": "p50_us", "p99": "p99_us"})

    def _get(self, whom, crowd, window):
        mode, options = self._get_mode(whom, {"connections": crowd, "seconds": window})
        self._keep_get(whom, crowd, self._run(whom, mode, **options))

    def _steered(self, whom, crowd):
        mode, options = self._get_mode(whom, {"connections": crowd, "seconds": self.plan.pair_window,
                                              "warmup": PAIR_WARMUP})
        return load.Steered(self.servers[whom], mode, self.identities, **options)

    def _get_pairs(self, crowd):
        """Ours and the echo in turn; the ratio is that of two windows side by side, so that the machine, which is
        faster in one second than in the next, cancels out."""
        if self.servers["ours"] is None or self.servers["echo"] is None:
            return
        try:
            with self._steered("ours", crowd) as ours, self._steered("echo", crowd) as echo:
                lanes = {"ours": ours, "echo": echo}
                for _ in range(self.plan.pairs):
                    pair = {whom: lanes[whom].window() for whom in self._in_turn(["ours", "echo"])}
                    for whom, values in pair.items():
                        self._keep_get(whom, crowd, values)
                    self.figures.add("get %d against echo" % crowd, "ours",
                                     pair["ours"]["cpu_each_us"] / pair["echo"]["cpu_each_us"])
        except Unmeasured as problem:
            self.problems.append(str(problem))

    def warm_gets(self):
        for crowd in CROWDS:
            self._get_pairs(crowd)
            self._get("openssl", crowd, self.plan.window)
            # PyKMIP's 64 connections take seconds to open; the ratio does not need more than one such window.
            if crowd != CROWDS[-1] or self.round == 0:
                self._get("pykmip", crowd, self.plan.pykmip_window)

    def _handshake(self, whom, kind, title):
        name = whom if whom == "ours" or kind == "rsa" else whom + "_" + kind
        mode, window = (title, self.plan.handshake_window) if title == "handshake" else (title, self.plan.window)
        values = self._run(name, mode, kind, connections=HANDSHAKERS, warmup=WARMUP, seconds=window)
        if values and mode == "resume" and values["resumed"] < values["done"]:
            self.problems.append("%s: %d of %d %s handshakes were not resumed" % (
                whom, values["done"] - values["resumed"], values["done"], kind))
            return
        self._keep("%s %s" % (title, kind), whom, values, {"cpu": "cpu_each_us", "rate": "rate"})

    def handshakes(self):
        for kind in ("rsa", "ec"):
            for title in ("handshake", "resume"):
                for _ in self._slices(self.plan.slices):
                    for whom in self._in_turn(["ours", "echo"]):
                        self._handshake(whom, kind, title)
                self._handshake("openssl", kind, title)
        values = self._run("pykmip", "handshake", connections=HANDSHAKERS, warmup=0.05,
                           seconds=self.plan.pykmip_window)
        self._keep("handshake rsa", "pykmip", values, {"cpu": "cpu_each_us", "rate": "rate"})

    def step(self):
        """The longest that one handshake step keeps the server, as a lone client sees it."""
        for whom in self._in_turn(["ours", "echo"]):
            values = self._run(whom, "handshake", connections=1, warmup=0, seconds=0.35)
            if values:
                self.figures.add("step rsa", whom, max(values["step1_us"], values["step2_us"]))

    def resumed_client_is_known(self):
        """A resumed connection that may do nothing would be fast for nothing."""
        self._run("ours", "resume", connections=HANDSHAKERS, requests=4 * HANDSHAKERS, each=1, uids=self.uids("ours"))

    def creates(self):
        """On the server that has room for them. The CPU time includes what the server does later to store them."""
        keys = {"rate": "rate", "cpu": "cpu_each_us", "child": "child_each_us", "p50": "p50_us", "p99": "p99_us"}
        for crowd in CREATORS:
            values = self._run("many", "create", connections=crowd, requests=CREATES_A_WINDOW, seconds=10,
                               linger=FLUSHED)
            self._keep("create %d" % crowd, "ours", values, keys)
        # PyKMIP does one request at a time whatever the connections.
        values = self._run("pykmip", "create", requests=CREATES_A_WINDOW, seconds=self.plan.pykmip_window)
        self._keep("create 1", "pykmip", values, keys)

    def _scale_options(self, mode, whom):
        stored = self.objects.get(whom, 0)
        options = {"uids": self.uids(whom), "seconds": self.plan.window, "warmup": WARMUP}
        if mode == "create":
            options.update(requests=CREATES_A_WINDOW, seconds=10, linger=FLUSHED)
        if mode == "locate-name":
            options.update(count=stored // NAME_EVERY, name_every=NAME_EVERY)
        return options

    def scale(self):
        for mode in SCALE:
            for _ in self._slices(self.plan.create_slices if mode == "create" else self.plan.slices):
                for whom in self._in_turn(["few", "many"]):
                    values = self._run(whom, mode, connections=8, **self._scale_options(mode, whom))
                    if values:
                        self.figures.add("scale " + mode, whom, values["cpu_each_us"] + values["child_each_us"])

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
