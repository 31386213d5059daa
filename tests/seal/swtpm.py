# SPDX-License-Identifier: Apache-2.0
"""An emulated TPM on a Unix socket, raw commands to it, and a wire in between that records, alters and replays."""
import os
import socket
import struct
import subprocess
import threading
import time

OWNER, LOCKOUT, BY_PASSWORD = 0x40000001, 0x4000000A, 0x40000009
PCR_EXTEND, CLEAR, CHANGE_AUTH, ATTACK_PARAMETERS, GET_CAPABILITY = 0x182, 0x126, 0x129, 0x13A, 0x17A
UNSEAL = 0x15E


class Swtpm:
    def __init__(self, folder, name):
        self.state = os.path.join(folder, name)
        self.path = self.state + ".sock"
        self.process = None
        os.makedirs(self.state, exist_ok=True)

    def start(self):
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--server", f"type=unixio,path={self.path}",
             "--ctrl", f"type=unixio,path={self.path}.ctrl", "--flags", "startup-clear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not os.path.exists(self.path) and time.monotonic() < until:
            time.sleep(0.02)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None
        for name in (self.path, self.path + ".ctrl"):
            if os.path.exists(name):
                os.remove(name)

    def restart(self):
        """As a power cycle: PCRs are zero again, what is in flash stays."""
        self.stop()
        self.start()

    def command(self, code, handle, parameters, password=b""):
        """One command with a password, or without handle none. The response code and what follows."""
        area = b""
        if handle is not None:
            auth = struct.pack(">IHBH", BY_PASSWORD, 0, 0, len(password)) + password
            area = struct.pack(">II", handle, len(auth)) + auth
        body = area + parameters
        with socket.socket(socket.AF_UNIX) as to:
            to.settimeout(30)
            to.connect(self.path)
            to.sendall(struct.pack(">HII", 0x8002 if area else 0x8001, 10 + len(body), code) + body)
            answer = read_message(to)
        return struct.unpack(">I", answer[6:10])[0], answer[10:]

    def extend(self, pcr, digest=b"\x01" * 32):
        code, _ = self.command(PCR_EXTEND, pcr, struct.pack(">IH", 1, 0x0B) + digest)
        assert code == 0, hex(code)

    def handles(self):
        """How many objects and sessions are in the TPM's memory."""
        total = 0
        for first in (0x80000000, 0x02000000, 0x03000000):
            code, answer = self.command(GET_CAPABILITY, None, struct.pack(">III", 1, first, 64))
            assert code == 0, hex(code)
            total += struct.unpack(">I", answer[5:9])[0]
        return total


def read_exactly(source, n):
    got = b""
    while len(got) < n:
        more = source.recv(n - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def read_message(source):
    head = read_exactly(source, 10)
    return head + read_exactly(source, struct.unpack(">I", head[2:6])[0] - 10)


class Wire:
    """What sits between processor and TPM. change(command, answer) gives the answer that is passed on; replay: a list
    of answers that are given instead, in order."""

    def __init__(self, tpm, path, change=None, replay=None):
        self.tpm, self.path, self.change, self.replay = tpm, path, change, list(replay or [])
        self.commands, self.answers = [], []
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(path)
        self.listening.listen(4)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as to:
                to.connect(self.tpm.path)
                try:
                    while True:
                        command = read_message(client)
                        to.sendall(command)
                        answer = read_message(to)
                        self.commands.append(command)
                        self.answers.append(answer)
                        if self.replay:
                            answer = self.replay.pop(0)
                        if self.change:
                            answer = self.change(command, answer)
                        client.sendall(answer)
                except (EOFError, OSError):
                    pass

    def traffic(self):
        return b"".join(self.commands) + b"".join(self.answers)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        os.remove(self.path)
