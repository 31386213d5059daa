# SPDX-License-Identifier: Apache-2.0
"""The emulated cloud and the nodes in front of it."""

import collections
import os
import re
import subprocess
import sys
import time

import servers
import tools

# The emulator's own tests speak to it already, and the integration tests speak KMIP. Both come behind our own folder.
sys.path += [os.path.join(tools.ROOT, "tests", "keyprotect_emulator", "checks"),
             os.path.join(tools.ROOT, "tests", "integration")]

import client  # pylint: disable=wrong-import-position
import cloud as emulated  # pylint: disable=wrong-import-position

ROUND_TRIP_MS = 50
PARALLEL = 8          # calls under way at once: CLOUD_CALLS of src/base/limits.h
HTTP_MEMORY = 1 << 20
CONNECTIONS = 128
OBJECTS = 4096
PATIENCE = 60

UNWRAP = "POST /api/v2/keys/{id}/actions/unwrap"
WRAP = "POST /api/v2/keys/{id}/actions/wrap"
STORE = "POST /api/v2/keys"
LIST = "GET /api/v2/keys"
METADATA = "GET /api/v2/keys/{id}/metadata"

Person = collections.namedtuple("Person", "name cert key")


class Late(Exception):
    """Something did not happen in time."""


def wait_for(check, what, seconds=PATIENCE, pause=0.02):
    """Until check() is true."""
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise Late("%s: not after %d s" % (what, seconds))
        time.sleep(pause)


class Cloud(emulated.Cloud):
    """The emulator on the core of the load."""

    def __init__(self):
        super().__init__()
        os.sched_setaffinity(self.process.pid, {servers.LOAD_CORE})

    def far(self, milliseconds=ROUND_TRIP_MS):
        self.set(round_trip_ms=milliseconds)

    def calls(self):
        """How many arrived, by kind."""
        return collections.Counter(self.control("GET", "/counters")["requests"])

    def log_end(self):
        return os.path.getsize(self.log)

    def logged(self, since):
        """{"wrap": [...], "store": [...]}: how long such calls took since then, in the emulator's own words, in ms."""
        found = {"wrap": [], "store": []}
        with open(self.log, encoding="utf-8") as file:
            file.seek(since)
            for line in file:
                method, target, _, took = line.split()
                if target.endswith("/actions/wrap"):
                    found["wrap"].append(float(took))
                elif method == "POST" and target == "/api/v2/keys":
                    found["store"].append(float(took))
        return found

    def open_connections(self):
        return self.control("GET", "/counters")["network"]["open"]

    def await_quiet(self, seconds=0.3):
        """Until no call arrives for a while."""
        end = time.monotonic() + PATIENCE
        before, since = sum(self.calls().values()), time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.03)
            now = sum(self.calls().values())
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() > end:
                raise Late("the key manager is asked on and on")

    def key_manager(self):
        """Settings of a node that uses it."""
        return ["keymanager type keyprotect", "keymanager endpoint " + self.about["kms_url"],
                "keymanager iam " + self.about["iam_url"], "keymanager instance " + self.about["instance_id"],
                "keymanager root-key " + self.about["root_key_alias"], "keymanager roots " + self.about["ca"]]

    def bare_call(self, method, path, body=None):
        """Milliseconds of one call of a client that does nothing else, on a connection that is open."""
        begun = time.monotonic()
        answer = self.kp(method, path, body)
        took = (time.monotonic() - begun) * 1000
        if answer.status not in (200, 201):
            raise AssertionError("%s %s: %d" % (method, path, answer.status))
        return took, answer


class Node:
    """One of our servers, which may be stopped and started again on the same state."""

    def __init__(self, name, identities, folder, cloud=None):
        self.name = name
        self.cloud = cloud
        self.identities = identities
        self.folder = folder
        self.state = os.path.join(folder, name)
        self.server = None
        self.memory_most = 0
        self.memory_refused = 0
        self.broken = None      # how it ended when nobody had told it to
        own = identities["rsa"][1]
        self.person = Person(own.der, own.pem, own.key_pem)

    def start(self, *settings):
        more = list(settings)
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        if self.cloud is not None:
            more = self.cloud.key_manager() + more
            with open(os.open(os.path.join(self.state, "api-key"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                      "w", encoding="ascii") as file:
                file.write(self.cloud.about["api_keys"]["admin"] + "\n")
        self.server = servers.holdfast(self.name, CONNECTIONS, OBJECTS, self.identities, self.folder, more)

    def stop(self):
        if self.server is None:
            return
        self.note_memory()
        self.server.stop()
        self.server = None

    def restart(self, *settings):
        self.stop()
        self.start(*settings)

    def note_memory(self):
        """Takes down the most of libcurl's memory, which starts at nothing with every start."""
        if self.server.process.poll() is not None:
            self.broken = "%s ended by itself with %d" % (self.name, self.server.process.returncode)
            return
        found = re.search(r"most in use (\d+), refused (\d+)", self.console("show memory"))
        if found:
            self.memory_most = max(self.memory_most, int(found.group(1)))
            self.memory_refused += int(found.group(2))

    @property
    def address(self):
        return "127.0.0.1", self.server.port

    def connect(self, timeout=PATIENCE):
        return client.Connection(self, self.person, timeout=timeout)

    def console(self, command):
        done = subprocess.run([servers.HOLDFAST, "console", "--socket", os.path.join(self.state, "control.sock"),
                               *command.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE, check=False)
        return done.stdout

    def status(self, pattern):
        """The number that stands there in show status."""
        found = re.search(pattern, self.console("show status"))
        return int(found.group(1)) if found else -1

    def in_memory(self):
        return self.status(r"Keys in memory +(\d+)")

    def await_stored(self):
        """Until the key manager has everything, and is not asked any more."""
        wait_for(lambda: self.status(r"(\d+) on their way") == 0, "%s has stored all" % self.name)
        if self.cloud is not None:
            self.cloud.await_quiet()

    def await_ready(self):
        wait_for(lambda: "State            READY" in self.console("show status"), "%s is READY" % self.name)

    def pids(self):
        return [self.server.pid, *servers.children(self.server.pid)]

    def cpu_ms(self):
        return sum(servers.run_ns(pid) for pid in self.pids()) / 1e6


# ---- key bytes in memory ----

def _regions(pid):
    with open("/proc/%d/maps" % pid, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[1].startswith("r") and "[v" not in line:
                yield tuple(int(end, 16) for end in words[0].split("-"))


def _content(pid, region):
    begin, end = region
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as file:
        try:
            file.seek(begin)
            return file.read(end - begin) or b""
        except (OSError, ValueError):
            return b""


def places_of(pids, keys):
    """Where these keys stand in the memory of these processes: {(pid, address): key}."""
    found = {}
    for pid in pids:
        for region in _regions(pid):
            content = _content(pid, region)
            for key in keys:
                at = content.find(key)
                while at >= 0:
                    found[pid, region[0] + at] = key
                    at = content.find(key, at + 1)
    return found


def still_there(places):
    """Whether one of the keys stands where it stood."""
    return any(_content(pid, (at, at + len(key))) == key for (pid, at), key in places.items())
