# SPDX-License-Identifier: Apache-2.0
"""Machines that start as real ones do: through firmware, with a TPM, from a disk that may lose writes."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "appliance"))

import box  # noqa: E402  pylint: disable=wrong-import-position

LOGIN, FIRST_SCREEN = box.LOGIN, box.FIRST_SCREEN
LONG = 600
FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
FIRMWARE_STORE = "/usr/share/OVMF/OVMF_VARS_4M.fd"


class Tpm:
    """A TPM 2.0 with its state in a folder. An empty folder is another TPM."""

    def __init__(self, folder=None):
        self.folder, self._process = folder or os.path.dirname(box.file_name("tpm")), None

    def copy(self):
        """The same TPM for another machine."""
        folder = box.file_name("tpm")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("ctrl", ".lock"))
        return Tpm(folder)

    def start(self):
        """Switch it on; the words of QEMU's command line."""
        self.stop()
        path = os.path.join(self.folder, "ctrl")
        if os.path.exists(path):
            os.remove(path)
        self._process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.folder, "--ctrl", "type=unixio,path=" + path,
             "--flags", "startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + box.PATIENCE
        while not os.path.exists(path) and time.monotonic() < end:
            time.sleep(0.02)
        return ["-chardev", "socket,id=tpm,path=" + path, "-tpmdev", "emulator,id=tpm,chardev=tpm",
                "-device", "tpm-crb,tpmdev=tpm"]

    def stop(self):
        """Switch it off, as when power goes."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(box.PATIENCE)
            self._process = None


def drive(source):
    """The words of QEMU's command line for a disk: a file, or a URL. The firmware tries it first."""
    return ["-drive", "file=%s,format=raw,if=none,id=disk,cache=writeback" % source,
            "-device", "virtio-blk-pci,drive=disk,bootindex=1"]


class Console(box.Console):
    """A serial line of a machine that starts through firmware, which takes its time where others work too."""

    def expect(self, pattern, seconds=LONG):
        """Wait for a pattern, never shorter than for a slow start."""
        return super().expect(pattern, max(seconds, LONG))


class Machine(box.Box):
    """One run. What it can do stands in tests/appliance/box.py; here is another way to begin."""

    # pylint: disable=super-init-not-called,too-many-arguments
    def __init__(self, disk, firmware=None, tpm=None, stick=None, smp=1, network="restrict=on,", more=(),
                 initrd=None, stays_off=False):
        """disk: words of QEMU's command line. firmware: a file that keeps its variables; without it the kernel is
        started directly. stays_off: the first restart ends the machine."""
        self._home = tempfile.mkdtemp(dir=os.path.dirname(box.file_name("home")))
        self.port, self.tpm, self.disk, self.console = 0, tpm, disk, None
        words = ["qemu-system-x86_64", "-machine", "q35", *box.EMULATION, "-smp", str(smp), "-m", "256", "-S",
                 "-nodefaults", "-no-user-config", "-display", "none", *disk, "-device", "virtio-rng-pci",
                 "-device", "virtio-net-pci,netdev=net,id=card,romfile=,mac=52:54:00:00:00:01",
                 "-qmp", "unix:%s,server=on,wait=off" % self._path("qmp"),
                 "-chardev", "socket,id=ttyS0,path=%s,server=on,wait=off,logfile=%s"
                 % (self._path("ttyS0"), self._path("ttyS0.log")), "-serial", "chardev:ttyS0"]
        if firmware is None:
            with open(box.part("cmdline"), encoding="ascii") as file:
                words += ["-kernel", box.part("kernel"), "-initrd", initrd or box.part("initramfs.zst"), "-append", file.read()]
        else:
            words += ["-drive", "if=pflash,format=raw,readonly=on,file=" + FIRMWARE,
                      "-drive", "if=pflash,format=raw,file=" + firmware]
        if stick is not None:
            words += ["-device", "qemu-xhci", "-drive", "file=%s,format=raw,if=none,id=stick" % stick,
                      "-device", "usb-storage,drive=stick,removable=on"]
        words += ["-no-reboot"] if stays_off else []
        words += tpm.start() if tpm is not None else []
        for _ in range(3):
            if self._begin(words + list(more), network):
                return
        raise AssertionError("QEMU does not start: " + self.trouble())

    def _begin(self, words, network):
        """Start QEMU, with a port that nobody had a moment ago. Whether it runs."""
        self.port = box.free_port()
        words = words + ["-netdev", "user,id=net,%shostfwd=tcp:127.0.0.1:%d-:5696" % (network, self.port)]
        with open(self._path("ttyS1.log"), "wb"), open(self._path("qemu.log"), "wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._qmp = box.connect_unix(self._path("qmp")).makefile("rw", encoding="utf-8")
            self._qmp.readline()
            self.monitor("qmp_capabilities")
            self.console = Console(self._path("ttyS0"))
        except (OSError, AssertionError):
            self._process.kill()
            self._process.wait(box.PATIENCE)
            return False
        box._machines.append(self)  # pylint: disable=protected-access
        self.started = time.monotonic()
        self.monitor("cont")
        return True

    def power_cut(self):
        """Pull the plug."""
        super().power_cut()
        if self.tpm is not None:
            self.tpm.stop()

    def restarts(self, command):
        """Run a command that restarts the box; wait for the next banner. Power on counts from here."""
        said = self.console.run(command, seconds=LONG)
        self.started = time.monotonic()
        self.console.expect(LOGIN)
        return said

    def log_in(self):
        """At the login prompt, after its banner: the line protocol, logged in."""
        self.console.script()
        self.console.run("login", box.PASSPHRASE, seconds=LONG)
        return self.console


def new_store():
    """Variables of a firmware that has never started."""
    path = box.file_name("vars.fd")
    shutil.copyfile(FIRMWARE_STORE, path)
    return path
