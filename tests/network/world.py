# SPDX-License-Identifier: Apache-2.0
"""The outside of the box: a network port with servers on it, and the box as a process in a namespace of its own."""
import os
import queue
import random
import socket
import struct
import subprocess
import threading
import time

LAN = "lan0"
ROUTER = "192.0.2.1"


def ip(*words):
    subprocess.run(["ip", *words], check=True, stderr=subprocess.PIPE)


class Box:
    """The driver with its port up0, whose other end is lan0 here."""

    def __init__(self, driver, folder, release=1_700_000_000, clock=1_800_000_000, stored=0, late=False):
        subprocess.run(["ip", "link", "del", LAN], stderr=subprocess.DEVNULL, check=False)
        self.resolv = os.path.join(folder, "resolv.conf")
        self.log = []
        self.answers = queue.Queue()
        self.process = subprocess.Popen(
            ["unshare", "-n", driver, self.resolv, str(release), str(clock), str(stored)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read_log, daemon=True).start()
        threading.Thread(target=self._read_answers, daemon=True).start()
        self.ask("state")  # it runs, in its namespace
        if not late:
            self.plug_port()

    def plug_port(self):
        ip("link", "add", LAN, "type", "veth", "peer", "name", "up0")
        ip("link", "set", "up0", "address", "02:00:00:00:00:01", "netns", str(self.process.pid))
        ip("addr", "add", ROUTER + "/24", "dev", LAN)
        ip("addr", "add", "2001:db8:0:1::1/64", "dev", LAN, "nodad")
        ip("link", "set", LAN, "up")

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _read_answers(self):
        lines = []
        for line in self.process.stdout:
            if line == ".\n":
                self.answers.put("".join(lines))
                lines = []
            else:
                lines.append(line)
        self.answers.put(None)

    def ask(self, line, wait=60):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.answers.get(timeout=wait)
        if answer is None:
            raise AssertionError("the driver ended:\n" + "\n".join(self.log[-30:]))
        return answer

    def set(self, **settings):
        names = {"address": "interface uplink address", "gateway": "interface uplink gateway",
                 "address6": "interface uplink address6", "gateway6": "interface uplink gateway6",
                 "mac": "interface uplink mac", "vlan": "interface uplink vlan", "mtu": "interface uplink mtu",
                 "dns": "dns", "ntp": "time ntp", "max_step": "time max-step", "name": "server name"}
        for name, value in settings.items():
            answer = self.ask(f'set {names[name]} {value or chr(34) * 2}')
            assert answer == "", answer

    def apply(self, **settings):
        self.set(**settings)
        return self.ask("apply")

    def inside(self, *words):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *words], check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def has_log(self, text):
        return any(text in line for line in self.log)

    def count_log(self, text):
        return sum(text in line for line in self.log)

    def wait(self, what, condition, seconds=40):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError(f"not in {seconds} s: {what}\n" + self.ask("show") + "\n".join(self.log[-25:]))

    def addresses(self):
        return self.ask("addresses").split()

    def is_up(self):
        return self.ask("state").startswith("up 1\n")

    def close(self):
        if self.process.poll() is None:
            try:
                self.ask("quit", 10)
            except (queue.Empty, AssertionError, BrokenPipeError):
                self.process.kill()
        status = self.process.wait(20)
        subprocess.run(["ip", "link", "del", LAN], stderr=subprocess.DEVNULL, check=False)
        if status != 0:
            raise AssertionError(f"the driver ended with {status}:\n" + "\n".join(self.log[-40:]))


def address(text):
    return socket.inet_aton(text)


class Dhcp:
    """A DHCP server whose every answer a test can bend. `change(kind, answer)` gets and gives a dict, or None."""

    def __init__(self, server=ROUTER, offer="192.0.2.100", lease=3600, change=None, options=None):
        self.server, self.offer, self.lease, self.change = server, offer, lease, change
        self.options = options or []
        self.seen = []
        self.mute = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, LAN.encode())
        self.socket.bind(("", 67))
        self.stop = False
        self.socket.settimeout(0.2)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.stop:
            try:
                data, sender = self.socket.recvfrom(2000)
            except (TimeoutError, OSError):
                continue
            options = {}
            at = 240
            while data[at] != 255:
                if data[at] != 0:
                    options[data[at]] = data[at + 2:at + 2 + data[at + 1]]
                    at += 1 + data[at + 1]
                at += 1
            kind = options[53][0]
            self.seen.append((kind, options, sender[0], data))
            if self.mute:
                continue
            for answer in self.answers(kind, options, data):
                self._send(answer, data)

    def answers(self, kind, options, data):
        if kind not in (1, 3):
            return []
        answer = {"type": 2 if kind == 1 else 5, "address": self.offer, "server": self.server, "mask": "255.255.255.0",
                  "lease": self.lease, "options": list(self.options)}
        if kind == 3:
            wanted = options.get(54)
            if wanted is not None and wanted != address(self.server):
                return []
        if self.change is not None:
            answer = self.change(kind, answer, options)
        return [] if answer is None else [answer]

    def _send(self, answer, request):
        if "raw" in answer:
            self.socket.sendto(answer["raw"], ("255.255.255.255", 68))
            return
        head = bytearray(request[:236])
        head[0] = 2
        head[12:28] = bytes(16)
        head[16:20] = address(answer["address"])
        out = bytes(head) + bytes([99, 130, 83, 99, 53, 1, answer["type"]])
        for code, value in ((54, answer["server"]), (1, answer["mask"])):
            if value is not None:
                out += bytes([code, 4]) + address(value)
        if answer["lease"] is not None:
            out += bytes([51, 4]) + struct.pack(">I", answer["lease"])
        for code, value in answer["options"]:
            out += bytes([code, len(value)]) + value
        out += b"\xff"
        self.socket.sendto(out.ljust(300, b"\0"), ("255.255.255.255", 68))

    def kinds(self):
        return [kind for kind, _, _, _ in self.seen]

    def close(self):
        self.stop = True
        self.thread.join()
        self.socket.close()


class Ntp:
    """A time server that is `ahead` of the box's pretended clock, or says anything `change` makes of it."""

    def __init__(self, time_of, where=ROUTER, change=None):
        self.time_of, self.change = time_of, change
        self.asked = 0
        family = socket.AF_INET6 if ":" in where else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((where, 123))
        self.socket.settimeout(0.2)
        self.stop = False
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while not self.stop:
            try:
                data, sender = self.socket.recvfrom(2000)
            except (TimeoutError, OSError):
                continue
            self.asked += 1
            stamp = int((self.time_of() + 2208988800) * (1 << 32)) & (1 << 64) - 1
            answer = bytearray(struct.pack(">BBBbIII", 0x24, 2, 6, -20, 100, 100, 0x7f000001) + bytes(8) + data[40:48] +
                               struct.pack(">QQ", stamp, stamp))
            if self.change is not None:
                answer = self.change(answer)
            if answer is not None:
                self.socket.sendto(bytes(answer), sender)

    def close(self):
        self.stop = True
        self.thread.join()
        self.socket.close()


class Dnsmasq:
    def __init__(self, folder, *words):
        self.process = subprocess.Popen(
            ["/usr/sbin/dnsmasq", "-d", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
             f"--interface={LAN}", "--except-interface=lo", "--user=root", "--pid-file=",
             f"--dhcp-leasefile={folder}/leases", *words],
            stdout=open(f"{folder}/dnsmasq.txt", "w"), stderr=subprocess.STDOUT)

    def close(self):
        self.process.terminate()
        self.process.wait()


def steady(start):
    """A clock that says `start` now and runs on."""
    begun = time.monotonic()
    return lambda: start + time.monotonic() - begun


def rubbish(count, seed):
    source = random.Random(seed)
    return [bytes(source.randrange(256) for _ in range(source.randrange(600))) for _ in range(count)]
