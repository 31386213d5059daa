# SPDX-License-Identifier: Apache-2.0
"""Process 1 as src/init/PROTOCOL.md tells it, as far as a console can see: in memory, with a real server behind it."""

import base64
import os
import signal
import socketserver
import subprocess
import threading
import time

RECOVERY = "cbdfghnr-tuvcknjl-ehrtgiuv-bcdklnef-hijkrtuv-cdefnlkj-ghbvutnr-icejdfkh"
SERIAL = "4F2A-91C0-77DE"
BODIES = ("check", "commit", "setup", "login", "recover", "passphrase", "recovery-key", "try", "usb write")
CERTIFICATE = """RSA certificate, in force
  Subject  CN=kms1.lab.example
SHA1 Fingerprint=7B:D9:46:BE:0C:1E:B0:27:CE:33:B5:2E:22:0F:00:84:F9:18:C6:61
sha256 Fingerprint=""" + ":".join("1F A0 5C 77 3E B2 9D 10 44 8C E1 6B 2A 93 F5 0E D8 71 3B C6 59 E4 02 AF 86 1D B0 "
                                  "97 4C 22 EE 35".split())


class FakeInit:
    """The state of a box; self.asked has every command with its body."""

    def __init__(self, folder, binary, port):
        self.folder, self.binary, self.port = folder, binary, port
        self.socket = os.path.join(folder, "init.sock")
        self.serve_socket = os.path.join(folder, "state", "control.sock")
        self.configured, self.locked, self.trial, self.idle = False, False, 0, 600
        self.passphrase, self.revisions, self.log, self.asked, self.files = None, [], ["2026-11-22T10:00:00Z info  init start"], [], {}
        self.server = None
        self.fail_try = None
        self.wait = 0
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            """One connection of a console."""

            def handle(self):
                for raw in self.rfile:
                    line = raw.decode().rstrip("\n")
                    body = []
                    if line.startswith(BODIES):
                        for more in self.rfile:
                            if more == b".\n":
                                break
                            body.append(more.decode().rstrip("\n"))
                    fake.asked.append((line, body))
                    try:
                        self.wfile.write("".join(answer + "\n" for answer in fake.answer(line, body)).encode())
                    except ConnectionError:
                        return  # the console has hung up

        class Server(socketserver.ThreadingUnixStreamServer):
            """Threads end with the test."""
            daemon_threads = True

        self.listener = Server(self.socket, Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def close(self):
        """Stop everything that was started."""
        self.listener.shutdown()
        self.listener.server_close()
        self.stop_server()

    def stop_server(self):
        """End the server by its process id."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            self.server.wait(30)
            self.server = None

    def start_server(self, lines=()):
        """A real server on the local key manager, whatever the candidate says of a cloud."""
        state = os.path.join(self.folder, "state")
        os.makedirs(state, mode=0o700, exist_ok=True)
        config = os.path.join(self.folder, "serve.conf")
        with open(config, "w", encoding="ascii") as file:
            for line in lines:
                if "keymanager" not in line and "listen" not in line:
                    file.write(line + "\n")
            file.write(f"set state folder {state}\nset server listen 127.0.0.1:{self.port}\nset memory lock best-effort\n")
        for _ in range(600):
            if self.server is None or self.server.poll() is not None:  # as process 1 does
                with open(os.path.join(self.folder, "serve.log"), "ab") as log:
                    self.server = subprocess.Popen([self.binary, "serve", "--config", config], stderr=log)
            done = subprocess.run([self.binary, "console", "--socket", self.serve_socket, "show", "state"],
                                  capture_output=True, check=False)
            if done.returncode == 0 and b"READY" in done.stdout:
                return
            time.sleep(0.1)
        raise RuntimeError("the server does not start")

    def notice(self, text):
        """Add a line to the log."""
        self.log.append(text)

    def secret(self, body, name):
        """A secret of a body in base64."""
        for line in body:
            if line.startswith(name + " "):
                return base64.b64decode(line.split(" ", 1)[1]).decode()
        return None

    def answer(self, line, body):
        """The lines of an answer, the last one included."""
        words = line.split()
        name = "do_" + words[0].replace("-", "_")
        return getattr(self, name, lambda *_: ["ERR no such command"])(words, body)

    def do_state(self, _words, _body):
        """What banner and prompt show."""
        host = "kms-77de"
        for line in self.revisions[-1] if self.revisions else []:
            if line.startswith("set server name "):
                host = line.split()[-1]
        return [f"name {host}", "version 0.1.0", "board qemu-x86_64", f"serial {SERIAL}",
                "configured " + ("yes" if self.configured else "no"), "locked " + ("yes" if self.locked else "no"),
                "serve READY", f"revision {len(self.revisions)}", f"trial {self.trial}",
                "port eth0 00:e0:67:2c:41:9a up 1000 Mbit/s", "port eth1 00:e0:67:2c:41:9b down -",
                "address 192.0.2.11/24", "tpm TPM 2.0", "random ready after 0.8 s", "clock 2026-11-22 14:03:05 UTC, not verified",
                f"idle {self.idle}", f"login-wait {self.wait}", "banner ", f"log {len(self.log)}", "OK"]

    def do_log(self, words, _body):
        """Numbered lines."""
        first = int(words[1]) if len(words) > 1 else max(1, len(self.log) - 19)
        return [f"{i} {text}" for i, text in enumerate(self.log, 1) if i >= first][:200] + ["OK"]

    def do_config(self, words, _body):
        """A revision."""
        number = int(words[1]) if len(words) > 1 else len(self.revisions)
        if not 1 <= number <= len(self.revisions):
            return ["ERR there is no such revision; see: show revisions"]
        return [f"# revision {number} 2026-11-22T14:00:00Z"] + self.revisions[number - 1] + ["OK"]

    def do_check(self, _words, body):
        """Refuses one value, to see that it is told."""
        bad = [i for i, line in enumerate(body, 1) if "192.0.2.999" in line]
        return [f"ERR line {bad[0]}: no address"] if bad else ["OK"]

    def do_commit(self, words, body):
        """The next revision."""
        refusal = self.do_check(words, body)
        if refusal != ["OK"]:
            return refusal
        self.revisions.append([line for line in body if line.startswith("set ")])
        self.trial = 60 * int(words[2]) if words[1:2] == ["confirm"] else 0
        return [f"revision {len(self.revisions)} is active", "OK"]

    def do_confirm(self, _words, _body):
        """Off trial."""
        if self.trial == 0:
            return ["ERR no revision is on trial"]
        self.trial = 0
        return ["OK"]

    def do_revisions(self, _words, _body):
        """Newest first."""
        return [f"{n} 2026-11-22T14:00:00Z" for n in range(len(self.revisions), 0, -1)] + ["OK"]

    def do_setup(self, _words, body):
        """The first revision, and a server on it."""
        self.passphrase = self.secret(body, "@passphrase")
        self.revisions = [[line for line in body if line.startswith("set ")]]
        os.makedirs(os.path.join(self.folder, "state"), mode=0o700, exist_ok=True)
        with open(os.path.join(self.folder, "state", "clients.conf"), "w", encoding="ascii") as file:
            for line in body:
                if line.startswith("@client "):
                    _, client, certificate = line.split()
                    file.write(f"set client {client} certificate {certificate}\n")
        self.start_server(self.revisions[0])
        self.configured = True
        return ["revision 1 stored", "secrets sealed", f"RECOVERY {RECOVERY}", "OK"]

    def do_login(self, _words, body):
        """Right or wrong."""
        if self.secret(body, "@passphrase") != self.passphrase:
            return ["ERR wrong passphrase; the next try in 1 s"]
        self.locked = False
        return ["OK"]

    def do_recover(self, _words, body):
        """With the recovery key."""
        if not any(line.startswith("@recovery ") and line.endswith(RECOVERY) for line in body):
            return ["ERR this is not the recovery key"]
        self.passphrase = self.secret(body, "@passphrase") or self.passphrase
        return ["OK"]

    def do_passphrase(self, _words, body):
        """Changes it."""
        if self.secret(body, "@old") != self.passphrase:
            return ["ERR wrong passphrase"]
        self.passphrase = self.secret(body, "@passphrase")
        return ["OK"]

    def do_recovery_key(self, _words, _body):
        """A new one."""
        return [f"RECOVERY {RECOVERY}", "OK"]

    def do_try(self, words, _body):
        """Canned tests; self.fail_try fails once."""
        if self.fail_try == words[1]:
            self.fail_try = None
            return ["  gateway 192.0.2.1 does not answer", "ERR the gateway does not answer; look at cable and address"]
        if words[1] == "certificate":
            return CERTIFICATE.splitlines() + ["OK"]
        return [f"  {words[1]}: everything answers                ok", "OK"]

    def do_usb(self, words, body):
        """Files of a stick."""
        if words[1] == "write":
            self.files[words[2]] = body
            return ["OK"]
        if words[1] == "list":
            return sorted(self.files) + ["OK"]
        if words[2] not in self.files:
            return [f"ERR {words[2]} is not on the stick"]
        return self.files[words[2]] + ["OK"]

    def do_show(self, words, _body):
        """Something to look at; boot is long."""
        if words[1] == "boot":
            return [f"{n} 2026-11-22 10:00:00 A 0.1.0 normal" for n in range(60)] + ["OK"]
        return [f"{words[1]} is well", "OK"]

    def do_test(self, words, _body):
        """Good."""
        return [f"{words[1]} ok", "OK"]

    def do_wipe(self, _words, _body):
        """As init would."""
        self.configured = False
        return ["OK"]

    def do_ping(self, _words, _body):
        """Takes its time."""
        time.sleep(1)
        return ["OK"]

    do_reset = do_wipe
    do_restart = do_halt = do_update = do_resolve = do_ping
