# SPDX-License-Identifier: Apache-2.0
"""Servers under test, each in a state folder of its own, and identities of clients."""

import atexit
import base64
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BINARY = os.environ.get("HOLDFAST") or os.path.join(ROOT, "build", "holdfast")
# Seconds that anything may take that normally takes a moment.
PATIENCE = 30

_folder = None
_servers = []
_identities = {}
_made_keys = []  # the first server makes keys and certificates; the others get copies, to save time


def folder(name=""):
    """Return the temporary folder of this run, or a new one inside it."""
    global _folder  # pylint: disable=global-statement
    if _folder is None:
        _folder = tempfile.mkdtemp(prefix="holdfast-")
        atexit.register(tear_down)
    return tempfile.mkdtemp(prefix=name + "-", dir=_folder) if name else _folder


def tear_down():
    """Stop every server that still runs, by its process id, and remove the files."""
    for server in _servers:
        server.kill()
    _servers.clear()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


def openssl(*words, **more):
    """Run the openssl command; its output as bytes. Failing is an error."""
    return subprocess.run(("openssl",) + words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
                          timeout=PATIENCE, **more).stdout


def openssl_base64(kind, path):
    """A certificate (kind "x509") or a request (kind "req") in a PEM file, as the control socket takes it."""
    return base64.b64encode(openssl(kind, "-in", path, "-outform", "DER")).decode()


class Identity:
    """A certificate with its key, in files."""

    def __init__(self, name, cert, key):
        self.name, self.cert, self.key = name, cert, key
        self.der = openssl("x509", "-in", cert, "-outform", "DER")
        self.base64 = base64.b64encode(self.der).decode()
        self.sha256 = hashlib.sha256(self.der).hexdigest()


_CA_CONFIG = """
[ca]
default_ca = here
[here]
database = %(folder)s/index.txt
new_certs_dir = %(folder)s
serial = %(folder)s/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


def _key_options(kind):
    if kind == "rsa":
        return ["rsa:2048"]
    return ["ec", "-pkeyopt", "ec_paramgen_curve:" + kind]


def identity(name, kind="rsa", authority=None, expired=False):
    """Return an identity, made at its first use.

    Self-signed without Extended Key Usage, like vCenter's own; signed by an authority's
    identity when one is given; with a validity of the past when `expired`.
    """
    if name in _identities:
        return _identities[name]
    base = os.path.join(folder(), name)
    cert, key, request = base + ".pem", base + ".key", base + ".csr"
    subject = ["-nodes", "-subj", "/CN=" + name, "-keyout", key, "-newkey"] + _key_options(kind)
    if expired:
        config = base + ".cnf"
        os.mkdir(base)
        open(os.path.join(base, "index.txt"), "w", encoding="ascii").close()
        with open(config, "w", encoding="ascii") as file:
            file.write(_CA_CONFIG % {"folder": base})
        openssl("req", "-new", "-out", request, *subject)
        openssl("ca", "-batch", "-config", config, "-selfsign", "-keyfile", key, "-in", request, "-out", cert,
                "-notext", "-create_serial", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    elif authority is not None:
        openssl("req", "-new", "-out", request, *subject)
        openssl("x509", "-req", "-in", request, "-CA", authority.cert, "-CAkey", authority.key,
                "-CAcreateserial", "-days", "30", "-out", cert)
    else:
        openssl("req", "-x509", "-days", "3650", "-out", cert, *subject)
    _identities[name] = Identity(name, cert, key)
    return _identities[name]


def wait_for(check, what, seconds=PATIENCE, pause=0.02):
    """Return the first true value of check(); an AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %d seconds in vain: %s" % (seconds, what))
        time.sleep(pause)


def socket_of(tls):
    """A socket on the same connection as a TLS socket, below TLS."""
    return socket.socket(fileno=os.dup(tls.fileno()))


def ended(plain, seconds=PATIENCE):
    """Wait for the end of a TCP connection. Whether it came in time."""
    plain.settimeout(seconds)
    try:
        while plain.recv(65536):
            continue
    except socket.timeout:
        return False
    except OSError:
        return True
    return True


class Server:
    """One server: its configuration, its process, its log."""

    def __init__(self, settings=(), clients=(), lines=(), binary=None, state=None, fresh=False):
        """Settings are texts as "tls compat on"; clients are identities to enrol; lines go to clients.conf.

        A fresh server makes keys and certificates of its own.
        """
        self.home = folder("server")
        self.state = state or os.path.join(self.home, "state")
        self.binary = binary or BINARY
        self.config = os.path.join(self.home, "holdfast.conf")
        self.log_path = os.path.join(self.home, "log")
        self.socket = os.path.join(self.state, "control.sock")
        self.process = None
        self.port = 0
        self.limits = None
        self.state_key = None  # 32 bytes: handed over as an open file in memory
        if not os.path.isdir(self.state):
            os.mkdir(self.state, 0o700)
            for made in _made_keys if not fresh else ():
                shutil.copy(made, self.state)
        with open(self.config, "w", encoding="utf-8") as file:
            for setting in ("state folder " + self.state, "server listen 127.0.0.1:0", *settings):
                file.write("set %s\n" % setting)
            if os.geteuid() != 0:
                file.write("set memory lock best-effort\n")
        if clients or lines:
            with open(os.path.join(self.state, "clients.conf"), "w", encoding="ascii") as file:
                for client in clients:
                    file.write("set client %s certificate %s\n" % (client.name, client.base64))
                for line in lines:
                    file.write("set %s\n" % line)
        _servers.append(self)

    def _spawn(self):
        words, files = [self.binary, "serve", "--config", self.config], []
        if self.state_key is not None:
            files.append(os.memfd_create("state-key", 0))
            os.write(files[0], self.state_key)
            words += ["--state-key-fd", str(files[0])]
        with open(self.log_path, "ab") as log:
            # A group of its own: the disk process belongs to it.
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, preexec_fn=self.limits, pass_fds=files)
        for number in files:
            os.close(number)

    def start(self):
        """Start it and wait until it serves. Returns self."""
        mark = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        self._spawn()

        def ready():
            found = re.search(r"serves KMIP on \S+, port (\d+),", self.log()[mark:])
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                raise AssertionError("the server did not start: " + self.log()[mark:])
            return 0

        self.port = wait_for(ready, "the server serves")
        if not _made_keys:
            kept = folder("keys")
            for name in ("server-rsa.key", "server-rsa.pem", "server-ec.key", "server-ec.pem"):
                _made_keys.append(shutil.copy(os.path.join(self.state, name), kept))
        return self

    def start_refused(self):
        """Start it, wait for its end, and return its exit code and what it said."""
        mark = len(self.log()) if os.path.exists(self.log_path) else 0
        self._spawn()
        code = self.process.wait(PATIENCE)
        return code, self.log()[mark:]

    def stop(self):
        """End it in order. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self):
        """Kill the process and its disk process, as a power cut would."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        wait_for(self._folder_is_free, "the disk process has ended too")

    def _folder_is_free(self):
        """Whether nobody holds the lock of the state folder, which the disk process has too."""
        number = os.open(self.state, os.O_RDONLY)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(number)
        return True

    def wait_until_ready(self):
        """Wait for the state READY, which comes a moment after it serves."""
        wait_for(lambda: "State            READY" in self.console("show", "status"), "the state is READY")

    def running(self):
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    @property
    def address(self):
        """Host and port."""
        return ("127.0.0.1", self.port)

    def log(self):
        """What it has written to standard error."""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def console_run(self, *words, **more):
        """Run one console command; the finished process, with its output as text."""
        return subprocess.run([self.binary, "console", "--socket", self.socket, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False, **more)

    def console(self, *words, **more):
        """Run one console command that has to succeed, and return what it printed."""
        done = self.console_run(*words, **more)
        if done.returncode != 0:
            raise AssertionError("%s: %d, %s" % (" ".join(words), done.returncode, done.stderr))
        return done.stdout

    def add_user(self, name, password):
        """Set up a KMIP user."""
        return self.console("user", "add", name, input=password + "\n")

    def figures(self):
        """Return the counters of `show status` by the words behind them: full, resumed, failed ..."""
        words = "full|resumed|failed|unknown certificates|without one|overdue|messages|over the cap"
        found = re.findall(r"(\d+) (%s)\b" % words, self.console("show", "status"))
        return {word: int(number) for number, word in found}

    def cpu_seconds(self):
        """Return the CPU time of the server's process so far."""
        with open("/proc/%d/schedstat" % self.process.pid, encoding="ascii") as file:
            return int(file.read().split()[0]) / 1e9

    def process_status(self):
        """Return the fields of /proc/PID/status."""
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file)

    def memory_kb(self):
        """Return VmSize, VmRSS and VmLck in KiB."""
        status = self.process_status()
        return {name: int(status[name].split()[0]) for name in ("VmSize", "VmRSS", "VmLck")}
