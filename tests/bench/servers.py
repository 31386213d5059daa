# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: each a process of its own on the server core, stopped by its process id."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import time

from tools import BUILT, ROOT

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[-1]
START_SECONDS = 30
HOLDFAST = os.environ.get("HOLDFAST", os.path.join(ROOT, "build", "holdfast"))
ANSWER_BYTES = 328  # of a Get with a 36-character Unique Identifier


def pinned(core):
    """For subprocess: on one core, and before other work of the machine, whose bursts are not ours to measure."""
    def settle():
        os.sched_setaffinity(0, {core})
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        except PermissionError:
            pass
    return settle


@contextlib.contextmanager
def before_all(pids):
    """These processes, and what we start meanwhile, run as soon as they can: latencies are then their own, and not
    those of whatever else the machine does. Without the right to it they stay as they are."""
    ours = [0, *pids]
    try:
        for pid in ours:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass
    try:
        yield
    finally:
        for pid in ours:
            try:
                os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
            except ProcessLookupError:
                pass


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def children(pid):
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [int(child) for child in f.read().split()]
    except OSError:
        return []


def memory(pid):
    """(resident, locked) bytes of a process and its children."""
    resident = locked = 0
    for each in [pid, *children(pid)]:
        with open("/proc/%d/status" % each) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    resident += int(line.split()[1]) * 1024
                elif line.startswith("VmLck:"):
                    locked += int(line.split()[1]) * 1024
    return resident, locked


def run_ns(pid):
    try:
        with open("/proc/%d/schedstat" % pid) as f:
            return int(f.read().split()[0])
    except OSError:
        return 0


def await_rest(running, seconds):
    """Until all have done what they put off, such as storing what was created. False if that takes longer."""
    end = time.monotonic() + seconds
    pids = [pid for server in running for pid in [server.pid, *children(server.pid)]]
    rests = 0
    while time.monotonic() < end and rests < 3:
        before = [run_ns(pid) for pid in pids]
        time.sleep(0.25)
        busy = sum(run_ns(pid) for pid in pids) - sum(before)
        rests = rests + 1 if busy < 0.02 * 0.25e9 else 0
    return rests == 3


class Failed(Exception):
    """A server did not start."""


class Server:
    """A running server: name, pid, port."""

    def __init__(self, name, command, port, folder):
        self.name = name
        self.port = port
        self.log = os.path.join(folder, name + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=pinned(SERVER_CORE))
        self.pid = self.process.pid
        try:
            self._await()
        except Failed:
            self.stop()
            raise

    def _await(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        with open(self.log, errors="replace") as log:
            raise Failed("%s does not listen on its port\n%s" % (self.name, log.read()[-2000:]))

    def stop(self):
        family = [self.pid, *children(self.pid)]
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for child in family[1:]:
            _end(child)


def _end(pid):
    """A child that has outlived its server, if it is still a child of nobody else but init."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            parent = int(f.read().rsplit(")", 1)[1].split()[1])
        if parent in (1, os.getpid()):
            os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        pass


def echo(engine, kind, identities, folder, answer_bytes):
    server, _ = identities[kind]
    port = _free_port()
    clients = [client.der for _, client in identities.values()]
    command = [os.path.join(BUILT, "echo_" + engine), str(port), str(answer_bytes), server.der, server.key_der, *clients]
    return Server("echo_%s_%s" % (engine, kind), command, port, folder)


def _holdfast_configuration(folder, port, connections, objects, identities, more):
    """Everything that is known here about our server's configuration. Its path. Clients stand in clients.conf."""
    with open(os.path.join(folder, "clients.conf"), "w") as f:
        for kind, (_, client) in identities.items():
            with open(client.der, "rb") as der:
                f.write("set client bench-%s certificate %s\n" % (kind, base64.b64encode(der.read()).decode()))
    lines = [
        "set state folder %s" % folder,
        "set server listen 127.0.0.1:%d" % port,
        "set server connections %d" % connections,
        "set store objects %d" % objects,
        *("set " + setting for setting in more),
    ]
    if os.geteuid() != 0:
        lines.append("set memory lock best-effort")
    path = os.path.join(folder, "holdfast.conf")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    return path


def holdfast(name, connections, objects, identities, folder, more=()):
    """A server with its state in folder/name, a new one or one that ran before; more are settings."""
    state = os.path.join(folder, name)
    os.makedirs(state, mode=0o700, exist_ok=True)
    port = _free_port()
    path = _holdfast_configuration(state, port, connections, objects, identities, more)
    return Server(name, [HOLDFAST, "serve", "--config", path], port, folder)


def pykmip(identities, folder):
    """PyKMIP, given what it needs to be fast: no log, its database on the same disk as our state."""
    state = os.path.join(folder, "pykmip")
    os.makedirs(state)
    server, client = identities["rsa"]
    port = _free_port()
    path = os.path.join(state, "server.conf")
    with open(path, "w") as f:
        f.write("\n".join([
            "[server]", "hostname=127.0.0.1", "port=%d" % port, "certificate_path=%s" % server.pem,
            "key_path=%s" % server.key_pem, "ca_path=%s" % client.pem, "auth_suite=TLS1.2", "policy_path=%s" % state,
            "enable_tls_client_auth=False", "tls_cipher_suites=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            "logging_level=CRITICAL", "database_path=%s" % os.path.join(state, "database"), ""]))
    start = "; ".join([
        # With its own queue of 5, 64 connections take half a minute to open.
        "import socket", "listen = socket.socket.listen", "socket.socket.listen = lambda s, n: listen(s, 512)",
        "from kmip.services.server import server", "server.main()"])
    command = ["/usr/bin/python3", "-W", "ignore", "-c", start, "-f", path, "-l", os.path.join(state, "server.log")]
    return Server("pykmip", command, port, folder)
