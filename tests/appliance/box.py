# SPDX-License-Identifier: Apache-2.0
"""A machine in QEMU that runs the image: its serial lines, its monitor, its network."""

import atexit
import contextlib
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from pexpect import fdpexpect
import pexpect

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PARTS = os.path.join(ROOT, os.environ.get("IMAGE") or "build/image/qemu-x86_64", "parts")
sys.path.append(os.path.join(ROOT, "tests", "integration"))

PATIENCE = 90  # seconds for what normally takes a moment
LONG = 300  # seconds for what makes keys or hashes slowly; nothing is fast without KVM on a busy machine
# With its normal gigabyte for translated code QEMU takes minutes to forget the code of before a restart.
EMULATION = ("-accel", "tcg,tb-size=32", "-cpu", "max")
PASSPHRASE = "correct horse battery"
FIRST_SCREEN = r"(?:other ways \(USB stick, pasted file\)|s, restart or reset): "
LOGIN = r"Enter logs in; s status, recover, reset: "

_folder = tempfile.mkdtemp(prefix="holdfast-appliance-")
_machines = []
_copying = threading.Lock()
_starting = threading.Lock()  # nobody gives it back once the run ends: no machine starts then


def file_name(name):
    """A name for a new file of this run."""
    return os.path.join(tempfile.mkdtemp(dir=_folder), name)


def tear_down():
    """Stop every machine that still runs, by its process id, and remove the files. Once; nothing starts afterwards."""
    if not os.path.exists(_folder):
        return
    _starting.acquire(timeout=5)  # pylint: disable=consider-using-with
    for machine in list(_machines):
        machine.power_cut()
    shutil.rmtree(_folder, ignore_errors=True)


atexit.register(tear_down)


def part(name):
    """The path of a part of the image, in a copy that no build replaces meanwhile."""
    path = os.path.join(_folder, name)
    with _copying:
        if not os.path.exists(path):
            shutil.copy(os.path.join(PARTS, name), path + ".new")
            os.rename(path + ".new", path)
    return path


def free_port():
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_udp_port():
    """The same for UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connect_unix(path):
    """A connection to a socket that the machine is about to open."""
    end = time.monotonic() + PATIENCE
    while True:
        made = socket.socket(socket.AF_UNIX)
        try:
            made.connect(path)
            return made
        except OSError:
            made.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


class Refused(Exception):
    """The ERR of the line protocol."""


class Console:
    """One serial line, as somebody at a terminal has it."""

    def __init__(self, path):
        self._socket = connect_unix(path)
        self._tty = fdpexpect.fdspawn(self._socket, timeout=PATIENCE, encoding="utf-8", codec_errors="replace")
        self._tty.delaybeforesend = None
        self.transcript = self._tty.logfile_read = io.StringIO()

    def expect(self, pattern, seconds=PATIENCE):
        """Wait for a pattern; what came before it, and the found text, in one."""
        self._tty.expect(pattern, timeout=seconds)
        return self._tty.before + self._tty.after

    def send(self, text):
        """Send characters as they are."""
        self._tty.send(text)

    def send_bytes(self, data):
        """Send bytes as they are, however long the machine takes them."""
        self._socket.settimeout(LONG)
        self._socket.sendall(data)

    def say(self, text, pattern=None, seconds=PATIENCE):
        """Type a line and wait for a pattern."""
        self.send(text + "\r")
        return self.expect(pattern, seconds) if pattern else ""

    def type(self, text, pattern=None, pause=0.03, seconds=PATIENCE):
        """The same with a person's fingers."""
        for key in text + "\r":
            self.send(key)
            time.sleep(pause)
        return self.expect(pattern, seconds) if pattern else ""

    def is_silent(self, seconds):
        """Whether nothing comes for so long."""
        return self._tty.expect([pexpect.TIMEOUT, r".+"], timeout=seconds) == 0

    def quiet(self, seconds=0.5):
        """What comes until nothing more comes."""
        text = ""
        while self._tty.expect([pexpect.TIMEOUT, r"[\s\S]+"], timeout=seconds) == 1:
            text += self._tty.before + self._tty.after
        return text

    def login(self, passphrase=PASSPHRASE, prompt=r"\n[^\r\n]*> "):
        """Log in, until the prompt."""
        self.expect(LOGIN)
        self.say("", "Passphrase: ")
        return self.say(passphrase, prompt, LONG)

    # ---- the line protocol ----

    def script(self):
        """Begin the line protocol, from whatever prompt there is."""
        self.say("session script", r"OK\r\n")

    def script_login(self, passphrase=PASSPHRASE):
        """Begin it at the login prompt, and log in."""
        self.expect(LOGIN)
        self.script()
        self.run("login", passphrase, seconds=LONG)

    def run(self, *lines, seconds=PATIENCE):
        """Run a command, with the lines that it asks for. Its answer; ERR raises Refused."""
        self.send("".join(line + "\r" for line in lines))
        answer = self.expect(r"(?:OK|ERR [^\r\n]*)\r\n", seconds)
        if "ERR " in self._tty.after:
            raise Refused(self._tty.after[4:].strip())
        return answer[:-4].replace("\r", "")

    def refused(self, *lines, seconds=PATIENCE):
        """Run a command that has to be refused; why."""
        try:
            answer = self.run(*lines, seconds=seconds)
        except Refused as error:
            return str(error)
        raise AssertionError("not refused: %s: %s" % (lines[0], answer))

    def set(self, *settings):
        """Change the candidate."""
        for setting in settings:
            self.run("set " + setting)

    def close(self):
        """Leave the line."""
        self._socket.close()


class Box:
    """One machine. It runs from its making to power_cut(), or to the end of a `with`."""

    _second = None  # the line ttyS1, once it is used

    def __init__(self, disk, *more, network="user", clock=None, stick=None, mac="52:54:00:00:00:01"):
        """`more`: further words for QEMU. `network`: "user", or a -netdev without its id. `clock`: for -rtc base=."""
        self.disk = disk
        self._home = tempfile.mkdtemp(dir=_folder)
        self.port = free_port()
        self._qmp = self.console = None
        with open(part("cmdline"), encoding="ascii") as file:
            cmdline = file.read()
        if network == "user":
            # No way out of it: what is outside must make no difference.
            network = "user,restrict=on,hostfwd=tcp:127.0.0.1:%d-:5696" % self.port
        # Without a SATA controller: Linux waits 0.3 s for ports that have nothing at them.
        words = ["qemu-system-x86_64", "-machine", "q35,sata=off", *EMULATION, "-smp", "2", "-m", "256", "-S",
                 "-nodefaults", "-no-user-config", "-display", "none", "-kernel", part("kernel"), "-initrd",
                 part("initramfs.zst"), "-append", cmdline, "-drive", "file=%s,format=raw,if=virtio" % disk,
                 "-netdev", network + ",id=net", "-device", "virtio-net-pci,netdev=net,id=card,romfile=,mac=" + mac,
                 "-device", "virtio-rng-pci", "-qmp", "unix:%s,server=on,wait=off" % self._path("qmp")]
        for line in ("ttyS0", "ttyS1"):
            words += ["-chardev", "socket,id=%s,path=%s,server=on,wait=off" % (line, self._path(line)),
                      "-serial", "chardev:" + line]
        if clock is not None:
            words += ["-rtc", "base=" + clock]
        if stick is not None:
            words += ["-device", "qemu-xhci", "-drive", "file=%s,format=raw,if=none,id=stick" % stick,
                      "-device", "usb-storage,drive=stick,removable=on"]
        with _starting, open(self._path("qemu.log"), "wb") as log:
            self._process = subprocess.Popen(words + list(more), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            _machines.append(self)
        self._qmp = connect_unix(self._path("qmp")).makefile("rw", encoding="utf-8")
        self._qmp.readline()
        self.monitor("qmp_capabilities")
        self.console = Console(self._path("ttyS0"))
        self.started = time.monotonic()
        self.monitor("cont")

    def _path(self, name):
        return os.path.join(self._home, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        trouble = self.trouble() if kind is not None else ""
        self.power_cut()
        if trouble:
            print(trouble, flush=True)
        elif PASSPHRASE in self.serial_log():
            raise AssertionError("a serial line has shown the passphrase")

    @property
    def address(self):
        """Host and port of the KMIP server, as the clients of tests/integration take it."""
        return ("127.0.0.1", self.port)

    def seconds(self):
        """Since the power came on."""
        return time.monotonic() - self.started

    def second_console(self):
        """The line ttyS1 of a box that was set up, at its login prompt."""
        line = Console(self._path("ttyS1"))
        self._second = line
        line.say("x", "there are no user names")
        line.expect(LOGIN)
        return line

    def serial_log(self):
        """All that was read from the serial lines."""
        return "\n".join(line.transcript.getvalue() for line in (self.console, self._second) if line is not None)

    def trouble(self):
        """What helps to find out why a test failed."""
        with open(self._path("qemu.log"), encoding="utf-8", errors="replace") as file:
            said = file.read()
        return "---- serial lines ----\n%s\n---- QEMU: %s\n%s----" % (
            self.serial_log()[-12000:].replace("\r", ""), self._process.poll(), said)

    # ---- the monitor ----

    def monitor(self, command, **arguments):
        """Run a command of the monitor."""
        json.dump({"execute": command, "arguments": arguments}, self._qmp)
        self._qmp.write("\n")
        self._qmp.flush()
        while True:
            line = self._qmp.readline()
            if not line:
                raise AssertionError("the machine has ended: " + self.trouble())
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError("%s: %s" % (command, answer["error"]))
            if "return" in answer:
                return answer["return"]

    def cable(self, plugged):
        """Pull the cable, or put it back."""
        self.monitor("set_link", name="card", up=plugged)

    def reset(self):
        """Push the reset button."""
        self.started = time.monotonic()
        self.monitor("system_reset")

    def power_cut(self):
        """Pull the plug: nothing is flushed, the machine is gone."""
        if self not in _machines:
            return
        _machines.remove(self)
        self._process.kill()
        self._process.wait(PATIENCE)
        for end in (self._qmp, self.console):
            if end is not None:
                end.close()

    def ended(self, seconds=PATIENCE):
        """Wait until the machine has powered itself off."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    # ---- the network ----

    def wait_for_port(self, seconds=PATIENCE):
        """Seconds from power on until the server answers a ClientHello."""
        found, end = [], time.monotonic() + seconds
        # Few at a time: the server closes what comes from one place without a certificate in numbers.
        for number in range(4):
            threading.Thread(target=self._probe, args=(found, number / 4, end), daemon=True).start()
        while not found and time.monotonic() < end:
            time.sleep(0.02)
        if not found:
            raise AssertionError("the port was not open after %d s" % seconds)
        return min(found) - self.started

    def _probe(self, found, delay, end):
        time.sleep(delay)
        while not found and time.monotonic() < end and self in _machines:
            begun = time.monotonic()
            self._try_port(found, 1)
            time.sleep(max(0, begun + 1 - time.monotonic()))

    def _try_port(self, found, seconds=5):
        outgoing = ssl.MemoryBIO()
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        with contextlib.suppress(ssl.SSLWantReadError):
            client.wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
        with contextlib.suppress(OSError), socket.create_connection(self.address, seconds) as tcp:
            tcp.sendall(outgoing.read())
            if tcp.recv(1):
                found.append(time.monotonic())

    def port_is_closed(self):
        """Whether nobody answers on the port."""
        found = []
        self._try_port(found)
        return not found

    def thumbprints(self, cipher="aRSA"):
        """SHA-1 and SHA-256 as openssl prints them, of the certificate of this kind."""
        prints = []
        chain = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.port, "-tls1_2", "-cipher", cipher],
                               input=b"", capture_output=True, timeout=PATIENCE, check=False).stdout
        for digest in ("-sha1", "-sha256"):
            said = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", digest], input=chain, capture_output=True,
                                  timeout=PATIENCE, check=True).stdout.decode()
            prints.append(said.strip().split("=")[1])
        return prints


def plain(text):
    """A console's text without line ends and indents, to look for what spans two lines."""
    return re.sub(r"\s+", " ", text)
