# SPDX-License-Identifier: Apache-2.0
"""A box in QEMU without KVM: its disk, its serial console, its network port."""

import os
import re
import socket
import ssl
import subprocess
import time

import pexpect

PATIENCE = 120    # seconds for what takes a few on an idle machine
PASSPHRASE = "correct horse battery"
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def free_port():
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def drive(path, bus="virtio"):
    """The words of QEMU's command line for a disk in a file."""
    return ["-drive", "file=%s,format=raw,if=%s" % (path, bus)]


def stick(path):
    """The same for a stick on USB."""
    return ["-device", "qemu-xhci", "-drive", "file=%s,format=raw,if=none,id=stick" % path,
            "-device", "usb-storage,drive=stick,removable=on"]


class Tpm:
    """A TPM 2.0 with its state in a folder. A new folder is another TPM."""

    def __init__(self, folder):
        self.folder, self._process = folder, None
        if not os.path.isdir(folder):
            os.mkdir(folder)
        self._socket = os.path.join(folder, "ctrl")

    def words(self):
        """Start it for one run of a machine; the words of QEMU's command line."""
        self.stop()
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.folder, "--ctrl",
             "type=unixio,path=" + self._socket, "--flags", "startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while not os.path.exists(self._socket) and time.monotonic() < end:
            time.sleep(0.02)
        return ["-chardev", "socket,id=tpm,path=" + self._socket, "-tpmdev", "emulator,id=tpm,chardev=tpm",
                "-device", "tpm-crb,tpmdev=tpm"]

    def stop(self):
        """As when power goes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if os.path.exists(self._socket):
            os.remove(self._socket)


class Trouble(AssertionError):
    """The box did not do what was expected; its console's last words are in the text."""


class Machine:
    """One run, from power on to power off."""

    def __init__(self, disk, parts=None, firmware=None, tpm=None, more=(), smp=1, reboots=False, log=None):
        """Boots the kernel of an image's `parts` directly, or with `firmware` (a folder) through UEFI.

        disk: words of QEMU's command line. reboots: a restart of the box is one; otherwise QEMU ends.
        """
        self.port, self.tpm = free_port(), tpm
        self.address = ("127.0.0.1", self.port)
        words = ["-machine", "q35,accel=tcg", "-cpu", "max", "-m", "256", "-smp", str(smp), "-nodefaults",
                 "-display", "none", "-serial", "stdio", "-device", "virtio-rng-pci",
                 "-nic", "user,model=virtio,hostfwd=tcp:127.0.0.1:%d-:5696" % self.port, *disk, *more]
        if firmware is None:
            with open(os.path.join(parts, "cmdline"), encoding="ascii") as file:
                words += ["-kernel", os.path.join(parts, "kernel"), "-initrd", os.path.join(parts, "initramfs.zst"),
                          "-append", file.read()]
        else:
            store = os.path.join(firmware, "vars.fd")
            if not os.path.exists(store):
                with open(OVMF_VARS, "rb") as source, open(store, "wb") as out:
                    out.write(source.read())
            words += ["-drive", "if=pflash,format=raw,readonly=on,file=" + OVMF,
                      "-drive", "if=pflash,format=raw,file=" + store]
        if not reboots:
            words.append("-no-reboot")
        if tpm is not None:
            words += tpm.words()
        self.started = time.monotonic()
        self.console = pexpect.spawn("qemu-system-x86_64", words, timeout=PATIENCE, encoding="utf-8",
                                     codec_errors="replace", echo=False)
        self.console.delaybeforesend = None
        self.console.logfile_read = log
        self.told = ""     # everything that the console printed and a command has taken

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def cut(self):
        """Cut the power."""
        if self.console.isalive():
            self.console.kill(9)
        self.console.close(force=True)
        if self.tpm is not None:
            self.tpm.stop()

    # ---- the console ----

    def expect(self, *patterns, timeout=PATIENCE):
        """Wait for one of the patterns on the console; its index. What was printed up to it is in `said`."""
        try:
            found = self.console.expect(list(patterns), timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise Trouble("waited for %r; the console said: %s" % (patterns, (self.console.before or "")[-3000:])) \
                from error
        self.told += self.said
        return found

    @property
    def said(self):
        """What the console printed before and with the last pattern."""
        after = self.console.after if isinstance(self.console.after, str) else ""
        return (self.console.before + after).replace("\r", "")

    def type(self, line):
        """Type a line and Enter."""
        self.console.send(line + "\r")

    def banner(self, timeout=PATIENCE):
        """Wait for the banner's last line. Whether the box is set up."""
        return self.expect(r"Press Enter to start", r"Enter logs in", timeout=timeout) == 1

    def try_command(self, line, *more, timeout=PATIENCE):
        """One line of the script protocol, and lines that it asks for. (whether OK, the text)."""
        self.type(line)
        for part in more:
            time.sleep(0.3)
            self.type(part)
        good = self.expect(r"(?:^|\n)OK\r*\n", r"(?:^|\n)ERR [^\n]*\n", timeout=timeout) == 0
        return good, self.said

    def command(self, line, *more, timeout=PATIENCE):
        """The same; ERR is an AssertionError. Returns the text."""
        good, text = self.try_command(line, *more, timeout=timeout)
        if not good:
            raise Trouble("%s: %s" % (line, text))
        return text

    def script(self):
        """From the banner to the script protocol."""
        self.type("session script")
        self.expect(r"OK\r*\n")

    def set_up(self, *lines, clients=()):
        """From the banner of a new box to a box that serves. The recovery key."""
        if self.banner():
            raise Trouble("this box is set up already")
        self.script()
        self.command("set server name kms1")
        self.command("set interface uplink address dhcp")
        for line in lines:
            self.command(line)
        for client in clients:
            with open(client.cert, encoding="ascii") as file:
                self.command("client add " + client.name, file.read().strip().replace("\n", "\r"))
        self.command("secret passphrase", PASSPHRASE)
        text = self.command("setup", timeout=300)
        return re.search(r"RECOVERY (\S+)", text).group(1)

    def log_in(self, passphrase=PASSPHRASE):
        """From the banner of a box that is set up to the script protocol, logged in. What login said."""
        if not self.banner():
            raise Trouble("this box is not set up")
        self.script()
        return self.command("login", passphrase)

    # ---- the network ----

    def wait_port(self, timeout=PATIENCE):
        """Wait until the server speaks TLS; seconds since power on.

        QEMU itself takes every connection, so that alone tells nothing.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.console.isalive():
                raise Trouble("the machine is off: " + (self.console.before or "")[-2000:])
            try:
                with socket.create_connection(self.address, 3) as plain, context.wrap_socket(plain):
                    return time.monotonic() - self.started
            except ssl.SSLError as error:
                # An alert is the answer of a server that wants a certificate.
                if "ALERT" in str(error).upper():
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.1)
        raise Trouble("no port is open after %d s" % timeout)
