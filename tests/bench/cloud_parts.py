# SPDX-License-Identifier: Apache-2.0
"""What is measured against the emulated cloud, part after part."""

import os
import socket
import statistics
import threading
import time

import cloud_world
from cloud_world import LIST, METADATA, PARALLEL, STORE, UNWRAP, WRAP, Cloud, Node, wait_for
import client
import load
import servers
import vcenter
from load import Unmeasured

HOSTS = 32
SPARES = 16         # keys made ahead: SPARE_KEKS of src/base/limits.h
GETS = 10000
WARM_CROWD = 8
WARMUP = 0.03
FLUSHED = 2.5       # seconds after which what was changed is on its way, the flush window being two
CHECK_SECONDS = 2
LEASE_SECONDS = 4
QUIET = ("cache check-interval 1h", "sync busy 1h", "sync idle 1h")     # every call is one that a client causes
PATIENT = QUIET + ("keymanager timeout 1m", "server request-timeout 1m")
HASTY = ("cache check-interval %ds" % CHECK_SECONDS, "cache offline-lease %ds" % LEASE_SECONDS)


class Plan:
    """How much of each."""

    def __init__(self, quick):
        self.quick = quick
        self.keys = 256 if quick else 1096      # 1,000 VMs, and 32 hosts with two disk groups and a key of their own
        self.cold_keys = 80         # that are fetched one by one later
        self.idle_keys = 64
        self.bare = 8 if quick else 30
        self.creates = 5 if quick else 20
        self.burst = 64 if quick else 256
        self.encryptions = 1 if quick else 3
        self.warm_windows = 5 if quick else 20
        self.warm_window = 0.15
        self.idle_handshakes = 1.5 if quick else 4.0
        self.hang_windows = 3 if quick else 12
        self.hang_window = 0.5 if quick else 1.0
        self.deletions = 1 if quick else 4
        self.known_keys = 48 if quick else 512
        self.idle_seconds = 25 if quick else 120


def _load_beside(work, *arguments, **options):
    """Runs the load in the background of work(); (its figures, or None, and how long both took)."""
    found = []

    def run():
        try:
            found.append(load.run(*arguments, **options))
        except Unmeasured as problem:
            found.append(problem)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        result = work()
    finally:
        thread.join()
    if isinstance(found[0], Unmeasured):
        raise found[0]
    return found[0], result


class Parts:
    """Runs the parts one after the other and keeps the figures."""

    def __init__(self, plan, identities, folder, figures):
        self.plan = plan
        self.identities = identities
        self.folder = folder
        self.figures = figures
        self.cloud = self.quiet_cloud = None
        self.node = self.local = self.idle = self.third = None
        self.problems = []
        self.notes = []
        self.round_trip = None      # ms of a bare unwrap
        self.result = None
        self._idle_from = None

    def uids(self, name):
        return os.path.join(self.folder, "uids-" + name)

    def read_uids(self, name):
        with open(self.uids(name), encoding="ascii") as file:
            return file.read().split()

    def stop(self):
        for node in (self.node, self.local, self.idle, self.third):
            if node is not None and node.server is not None:
                node.server.stop()
        for cloud in (self.cloud, self.quiet_cloud):
            if cloud is not None:
                cloud.stop()

    def _run(self, node, mode, **options):
        return load.run(node.server, mode, self.identities, **options)

    def _add(self, what, value, whom="cloud"):
        self.figures.add(what, whom, value)

    def _since(self, before):
        """Calls of each kind since then."""
        return self.cloud.calls() - before

    # ---- before all ----

    def begin(self):
        self.cloud, self.quiet_cloud = Cloud(), Cloud()
        self.node = Node("cloud", self.identities, self.folder, self.cloud)
        self.local = Node("local", self.identities, self.folder)
        self.idle = Node("idle", self.identities, self.folder, self.quiet_cloud)
        self.idle.start("store flush-window 0s")
        self.idle.await_ready()
        self._fill(self.idle, "idle", self.plan.idle_keys, True)
        self.idle.await_stored()
        self.quiet_cloud.far()
        self.idle.restart()             # what was changed before the start makes no node look more often
        self.local.start()
        self.node.start("store flush-window 100ms")
        self.node.await_ready()
        self.quiet_begin()
        self._fill(self.node, "all", self.plan.keys, not self.plan.quick)
        self._fill(self.node, "cold", self.plan.cold_keys, False)
        self._fill(self.local, "local", self.plan.keys, not self.plan.quick)
        for name in ("all", "local"):
            with open(self.uids(name + "-few"), "w", encoding="ascii") as file:
                file.write("\n".join(self.read_uids(name)[:self.plan.known_keys]) + "\n")
        # The first Get of a key ends its freshness, which is a change like others.
        for node, name in ((self.node, "all"), (self.local, "local")):
            self._run(node, "get", connections=8, requests=self.plan.keys, sequential=1, seconds=60,
                      uids=self.uids(name))
        self.local.await_stored()
        self.node.await_stored()
        self.node.restart()
        self.cloud.far()
        self.node.await_ready()
        self.cloud.await_quiet()

    def _fill(self, node, name, count, described):
        values = self._run(node, "fill", connections=8, batch=8, count=count, uids=self.uids(name), seconds=60)
        if len(self.read_uids(name)) < count:
            raise Unmeasured("%s: %d of %d keys were made" % (node.name, values["done"], count))
        if described:
            self._run(node, "describe", connections=8, uids=self.uids(name), seconds=60)

    def quiet_begin(self):
        """The idle node has read the whole list by now; from here on it is left alone."""
        self.idle.await_ready()
        self.quiet_cloud.await_quiet()
        self.quiet_cloud.control("POST", "/reset-counters")
        self._idle_from = time.monotonic(), self.idle.cpu_ms()

    def _restart(self, *settings):
        """Ready, with every key that was used before in memory and nothing under way; the cloud near meanwhile."""
        self.cloud.far(0)
        self.node.restart(*settings)
        self.node.await_ready()
        self._await_keys()
        self.cloud.await_quiet()
        self.cloud.far()

    def _await_keys(self):
        wait_for(lambda: self.node.in_memory() >= self.plan.keys, "keys are in memory")

    # ---- the unit ----

    def bare(self):
        """One call after the other of a client that does nothing else."""
        root = "/keys/" + self.cloud.root
        ciphertext = self.cloud.bare_call("POST", root + "/actions/wrap", {})[1].json["ciphertext"]
        record = {"metadata": {"collectionType": cloud_world.emulated.KEY_TYPE, "collectionTotal": 1}, "resources": [
            {"type": cloud_world.emulated.KEY_TYPE, "name": "bench", "extractable": True, "payload": "A" * 900}]}
        for _ in range(self.plan.bare):
            self._add("bare wrap", self.cloud.bare_call("POST", root + "/actions/wrap", {})[0])
            took, answer = self.cloud.bare_call("POST", "/keys", record)
            self._add("bare store", took)
            self.cloud.control("POST", "/keys/%s/delete" % answer.json["resources"][0]["id"])
            self._add("bare unwrap", self.cloud.bare_call("POST", root + "/actions/unwrap",
                                                          {"ciphertext": ciphertext})[0])
        self.round_trip = self.figures.median("bare unwrap", "cloud")

    # ---- Create ----

    @staticmethod
    def _create(connection, request=vcenter.create()):
        begun = time.monotonic()
        connection.send(request)
        connection.receive()[0].good()
        return (time.monotonic() - begun) * 1000

    def creates(self):
        self._restart(*QUIET)
        with self.node.connect() as connection:
            before, at = self.cloud.calls(), self.cloud.log_end()
            for _ in range(self.plan.creates):
                self._add("create spares", self._create(connection))
                time.sleep(0.12)        # the spare is made anew meanwhile
            self.cloud.await_quiet()
            calls = self._since(before)
            self._add("create calls", (calls[WRAP] + calls[STORE]) / self.plan.creates)
            self._add("create other calls", (sum(calls.values()) - calls[WRAP] - calls[STORE]) / self.plan.creates)
            self._add("create spares trips", self._two_trips(at))
            at = self.cloud.log_end()
            for _ in range(self.plan.creates):
                self._erase_now()
                self._add("create empty", self._create(connection))
                self.cloud.await_quiet(0.15)
            self._add("create empty trips", self._two_trips(at))
        before = self.cloud.calls()
        values = self._run(self.node, "create", connections=64, requests=self.plan.burst, seconds=60)
        self.cloud.await_quiet()
        calls = self._since(before)
        self._add("burst rate", values["rate"])
        self._add("burst ratio", values["seconds"] * 1000 * PARALLEL / sum(calls.values()) / self.round_trip)

    def _two_trips(self, at):
        """Milliseconds that the emulator says it took for a wrap and a store since then: some calls at once make it
        slower, which is not ours."""
        took = self.cloud.logged(at)
        return statistics.median(took["wrap"]) + statistics.median(took["store"])

    def _erase_now(self):
        """cache erase without the time that a console needs to start."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(os.path.join(self.node.state, "control.sock"))
            console.sendall(b"cache erase\n")
            if not console.recv(100).startswith(b"OK"):
                raise Unmeasured("cache erase was refused")

    # ---- encrypting a VM ----

    def _session(self, *requests):
        """A connection of vCenter's; the last answer."""
        with self.node.connect() as connection:
            for request in (vcenter.discover(),) + requests:
                connection.send(request)
                answers = connection.receive()
            for answer in answers:
                answer.good()
        return answers[0]

    def _describe(self, uid, pairs):
        self._session(*(vcenter.get_attribute(uid, name) for name, _ in pairs), vcenter.add_attributes(uid, pairs))

    def _use(self, uid):
        self._session(vcenter.get(uid), vcenter.get_attribute(uid, "State"), vcenter.activate(uid))

    def _encrypt(self, number):
        """As in the time line of vmware.md, section 2.3, on a host that has its key already."""
        uid = self._session(vcenter.create()).uid
        made = time.monotonic()
        self._describe(uid, vcenter.PRODUCT)
        time.sleep(max(0, made + 1.04 - time.monotonic()))
        self._use(uid)
        self._describe(uid, vcenter.owner("503c%04d" % number, "Virtual Machine", "vm%04d.example.org" % number))

    def encryptions(self):
        for number in range(self.plan.encryptions):
            before = self.cloud.calls()
            self._encrypt(number)
            time.sleep(FLUSHED)
            self.node.await_stored()
            calls = self._since(before)
            self._add("encrypt writes", calls[STORE])
            self._add("encrypt calls", sum(calls.values()))

    # ---- cold start ----

    def _idle_handshakes(self):
        with servers.before_all(self.node.pids()):
            values = self._run(self.node, "handshake", connections=1, seconds=self.plan.idle_handshakes)
        self._add("handshake idle p50", values["p50_us"] / 1000)
        self._add("handshake idle p99", values["p99_us"] / 1000)

    def _beside(self, node, what, expected, ask):
        """ask() while others shake hands; notes its calls and what it returns, the seconds that it took."""
        before = self.cloud.calls()
        with servers.before_all(node.pids()):
            shaken, seconds = _load_beside(ask, node.server, "handshake", self.identities, connections=1, warmup=0,
                                           seconds=expected)
        calls = self._since(before)
        self._add(what + " seconds", seconds)
        self._add(what + " calls", sum(calls.values()))
        self._add(what + " unwraps", calls[UNWRAP])
        self._add(what + " lists", calls[LIST])
        self._add(what + " ratio", seconds * 1000 * PARALLEL / sum(calls.values()) / self.round_trip)
        self._add(what + " open", self.cloud.open_connections())
        self._add(what + " p99", shaken["p99_us"] / 1000)
        self._add(what + " max", shaken["max_us"] / 1000)

    def _expected(self):
        return self.plan.keys / PARALLEL * self.round_trip / 1000

    def _asking(self, **more):
        return {"connections": HOSTS, "requests": self.plan.keys, "sequential": 1, "seconds": 60,
                "uids": self.uids("all"), **more}

    def _start_and_ask(self, node, what):
        """Every host at once, from the moment the port is open: hosts shake hands, the node asks for its token."""
        begun = time.monotonic()

        def ask():
            self._run(node, "get", **self._asking())
            return time.monotonic() - begun

        self._beside(node, what, self._expected(), ask)

    def _erase_and_ask(self):
        """The same on connections that are open, to a node that has lost nothing but its keys."""
        with servers.before_all(self.node.pids()):
            asked = threading.Thread(target=self._keep_result, args=("get",), kwargs=self._asking(pause=1.5))
            asked.start()
        time.sleep(1)
        self._erase_now()

        def ask():
            asked.join()
            return self.result["seconds"]

        self._beside(self.node, "erased", 0.5 + self._expected(), ask)

    def _keep_result(self, mode, **options):
        self.result = None
        try:
            self.result = self._run(self.node, mode, **options)
        except Unmeasured as problem:
            self.problems.append(str(problem))

    def cold(self):
        self._restart()
        self._idle_handshakes()
        self._erase_and_ask()
        if not self.plan.quick:     # of fewer keys, the start itself would be most of it
            self.node.restart()
            self._start_and_ask(self.node, "cold")
        self._prefetch()
        if not self.plan.quick:
            self._empty_disk()

    def _prefetch(self):
        """Nobody asks, and what was served before the restart comes back all the same."""
        self.node.restart()
        self.node.await_ready()
        begun, wanted = time.monotonic(), self.plan.keys
        end = begun + (2 if self.plan.quick else 60)
        in_memory = 1
        while in_memory < wanted and time.monotonic() < end:
            time.sleep(0.1)
            in_memory = max(1, self.node.in_memory() - SPARES)
        seconds = time.monotonic() - begun
        self._add("prefetch rate", in_memory / seconds)
        self._add("prefetch seconds", wanted / in_memory * seconds)

    def _empty_disk(self):
        self.third = Node("third", self.identities, self.folder, self.cloud)
        self.third.start()
        self._start_and_ask(self.third, "empty")
        wait_for(lambda: "still reading" not in self.third.console("show status"), "the third node has read all")
        self.third.stop()

    # ---- warm Get ----

    def warm(self):
        self._restart(*PATIENT)
        with servers.before_all([self.node.server.pid, self.local.server.pid]):
            self._warm()

    def _warm(self):
        before = self.cloud.calls()
        values = self._run(self.node, "get", connections=WARM_CROWD, requests=GETS, seconds=60, uids=self.uids("all"))
        self._add("warm gets", values["done"])
        self._add("warm calls", sum(self._since(before).values()))
        for i in range(self.plan.warm_windows):
            pair = [(self.node, "all"), (self.local, "local")]
            for node, name in pair if i % 2 == 0 else pair[::-1]:
                for crowd in (1, WARM_CROWD):
                    values = self._run(node, "get", connections=crowd, seconds=self.plan.warm_window, warmup=WARMUP,
                                       uids=self.uids(name))
                    self._add("warm %d cpu" % crowd, values["cpu_each_us"] + values["child_each_us"], node.name)
                    self._add("warm %d p50" % crowd, values["p50_us"], node.name)
        with self.node.connect() as connection:
            for uid in self.read_uids("cold")[-self.plan.creates:]:
                begun = time.monotonic()
                connection.get(uid)
                self._add("cold get", (time.monotonic() - begun) * 1000)

    # ---- a call that hangs ----

    def _windows(self, whom):
        for mode, options in (("get", {"uids": self.uids("all-few")}), ("handshake", {})):
            values = self._run(self.node, mode, connections=1, seconds=self.plan.hang_window, **options)
            self._add("hang %s p99" % mode, values["p99_us"] / 1000, whom)
            self._add("hang %s cpu" % mode, values["cpu_each_us"], whom)

    def _hanging(self, uid, action):
        """Begins a Get whose call hangs; the thread that waits for it."""
        self.cloud.fault(action, method="POST", path="/actions/unwrap$")
        before = self.cloud.calls()[UNWRAP]

        def get():
            with self.node.connect() as connection:
                connection.one(client.GET, client.uid_field(uid))
        thread = threading.Thread(target=get)
        thread.start()
        wait_for(lambda: self.cloud.calls()[UNWRAP] > before, "a call hangs")
        return thread

    def hang(self):
        """Needs the node as warm() leaves it."""
        with servers.before_all(self.node.pids()):
            self._hang()

    def _hang(self):
        cold = self.read_uids("cold")
        for i in range(self.plan.hang_windows):
            order = ("idle", "hanging") if i % 2 == 0 else ("hanging", "idle")
            for whom in order:
                if whom == "idle":
                    self._windows("local")
                    continue
                thread = self._hanging(cold[i], {"hang": True})
                self._windows("cloud")
                self.cloud.control("POST", "/drop-connections")
                thread.join()
                self.cloud.await_quiet(0.2)
        if not self.plan.quick:
            self._hang_30_seconds(cold[self.plan.hang_windows])

    def _hang_30_seconds(self, uid):
        """One whole hang, against as much time before and after it."""
        def for_seconds(whom, seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                self._windows(whom)
        for_seconds("local", 10)
        thread = self._hanging(uid, {"delay": 30})
        for_seconds("cloud", 27)
        thread.join()
        for_seconds("local", 10)

    # ---- the root key is gone ----

    def _materials(self):
        with self.node.connect() as connection:
            return [connection.get(uid) for uid in self.read_uids("all-few")]

    def _until_wiped(self, keys, begin):
        """Seconds from begin() until no byte of the keys is in the memory of any process of the server."""
        pids = self.node.pids()
        places = cloud_world.places_of(pids, keys)
        self._add("wiped copies", len(places) / len(keys))
        if set(places.values()) != set(keys):
            raise Unmeasured("the keys are not in memory before they are to be wiped from it")
        begun = begin()
        wait_for(lambda: not cloud_world.still_there(places), "the keys are wiped", pause=0.005)
        seconds = time.monotonic() - begun
        self._add("wiped left", len(cloud_world.places_of(pids, keys)))
        return seconds

    def _after_check(self):
        """The longest that a revocation can take begins when the root key was just found to be good."""
        before = self.cloud.calls()
        wait_for(lambda: self._since(before)[METADATA] > 0, "a check", pause=0.002)
        time.sleep(2.6 * cloud_world.ROUND_TRIP_MS / 1000)      # the answer, then an unwrap and its answer

    def revocation(self):
        self._restart(*HASTY)
        keys = self._materials()
        for i in range(self.plan.deletions):
            def delete(worst=i % 2 == 0):
                if worst:
                    self._after_check()
                else:
                    time.sleep(0.7)
                begun = time.monotonic()
                self.cloud.control("POST", "/keys/%s/delete" % self.cloud.root)
                return begun
            self._add("wiped online", self._until_wiped(keys, delete))
            self.cloud.control("POST", "/keys/%s/restore" % self.cloud.root)
            self.cloud.far(0)
            self.node.await_ready()
            self._await_keys()      # a refused unwrap would tell of the revocation before the check does
            self.cloud.far()
        self._add("wiped offline", self._until_wiped(keys, self._cut))

    def _cut(self):
        self._after_check()
        begun = time.monotonic()
        self.cloud.set(accepting="refuse")
        self.cloud.control("POST", "/drop-connections")
        self.cloud.control("POST", "/keys/%s/delete" % self.cloud.root)
        return begun

    # ---- at the end ----

    def idling(self):
        """What the node that was left alone has cost."""
        since, cpu_ms = self._idle_from
        left = since + self.plan.idle_seconds - time.monotonic()
        time.sleep(max(0, left))
        minutes = (time.monotonic() - since) / 60
        calls = self.quiet_cloud.calls()
        requests = self.quiet_cloud.control("GET", "/requests")["requests"]
        self._add("idle cpu", (self.idle.cpu_ms() - cpu_ms) / minutes)
        self._add("idle calls", sum(calls.values()) / minutes)
        self._add("idle lists", calls[LIST] / minutes)
        self._add("idle checks", (calls[METADATA] + calls[UNWRAP]) / minutes)
        self.quiet_cloud.far(0)
        sizes = {}
        total = 0
        for request in requests:
            target = request["target"]
            if request["method"] != "GET" or not target.startswith("/api/v2/keys?"):
                continue
            if target not in sizes:
                answer = self.quiet_cloud.kp("GET", target[len("/api/v2"):])
                sizes[target] = len(answer.data)
            total += sizes[target]
        self._add("idle list KiB", total / minutes / 1024)

    def memory(self):
        for node in (self.node, self.idle, self.third):
            if node is None:
                continue
            if node.server is not None:
                node.note_memory()
            if node.broken:
                self.problems.append(node.broken)
            self._add("arena most", node.memory_most)
            self._add("arena refused", node.memory_refused)

    def all(self):
        for part in (self.begin, self.bare, self.creates, self.encryptions, self.cold, self.warm, self.hang,
                     self.revocation, self.idling, self.memory):
            begun = time.monotonic()
            try:
                part()
            except (Unmeasured, cloud_world.Late, AssertionError, client.Closed, OSError) as problem:
                self.problems.append("%s: %s" % (part.__name__, problem))
                if part.__name__ in ("begin", "bare"):
                    return
            self.notes.append((part.__name__, time.monotonic() - begun))

    def most(self, what):
        values = self.figures.all(what, "cloud")
        return max(values) if values else None

    def median_of_pairs(self, what):
        """The median of the one against that of the other: cloud is with a call that hangs, local without."""
        with_it, without = (self.figures.all(what, whom) for whom in ("cloud", "local"))
        return statistics.median(with_it) / statistics.median(without) if with_it and without else None
