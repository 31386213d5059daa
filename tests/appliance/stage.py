# SPDX-License-Identifier: Apache-2.0
"""Disks at the point where a test begins: fresh, or of a box that was set up once in this run."""

import re
import shutil
import subprocess
import threading
import time

import box
import client
import world

_lock = threading.Lock()
_stages = {}


def prepare():
    """Make what several tests use, before they run side by side."""
    vcenter()
    fresh()


def vcenter():
    """The identity of the client that every box knows."""
    return world.identity("vcenter")


def copy(path):
    """A copy of a disk; what is empty takes no room."""
    made = box.file_name("disk.img")
    subprocess.run(["cp", "--sparse=always", path, made], check=True)
    return made


def fresh():
    """The disk as it was flashed."""
    return copy(box.part("disk.img"))


class Stage:
    """What is known of a box that was set up."""

    def __init__(self, disk, recovery, uid, material, serial):
        self.image, self.recovery, self.uid, self.material, self.serial = disk, recovery, uid, material, serial

    @property
    def disk(self):
        """A new copy of its disk."""
        return copy(self.image)

    def check_keys(self, machine):
        """The key that was made in the beginning is served, by a server that may be starting."""
        end = time.monotonic() + box.PATIENCE
        while True:
            try:
                with client.Connection(machine, vcenter(), timeout=box.LONG) as connection:
                    assert connection.get(self.uid) == self.material, "another key"
                return
            except (client.Closed, OSError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)


def set_up_by_script(console, *settings, passphrase=box.PASSPHRASE):
    """Set up with the line protocol, with one client. The recovery key."""
    console.expect(box.FIRST_SCREEN)
    console.script()
    return configure(console, *settings, passphrase=passphrase)


def configure(console, *settings, passphrase=box.PASSPHRASE):
    """The same, in the line protocol already."""
    console.set("server name kms1", *settings)
    console.run("secret passphrase", passphrase)
    with open(vcenter().cert, encoding="ascii") as file:
        console.run("client add vcenter", file.read().rstrip().replace("\n", "\r"))
    answer = console.run("setup", seconds=box.LONG)
    return re.search(r"RECOVERY ([a-z -]+)", answer).group(1)


def create_key(machine):
    """Create a key from outside: its Unique Identifier and its material."""
    with client.Connection(machine, vcenter(), timeout=box.LONG) as kmip:
        uid = kmip.create()
        return uid, kmip.get(uid)


def kmip(machine):
    """A connection of the client that every box knows."""
    return client.Connection(machine, vcenter(), timeout=box.LONG)


def wait_for_banner(machine, text, prompt=box.LOGIN):
    """Ask for the state until it has this text. The last answer, without line ends and indents."""
    end = time.monotonic() + box.PATIENCE
    while True:
        said = box.plain(machine.console.say("s", prompt))
        if text in said:
            return said
        if time.monotonic() > end:
            raise AssertionError("the state never said: " + text)
        time.sleep(0.5)


def wait_until_set_up(machine):
    """Until a seed has set it up; at its login prompt."""
    machine.console.expect(box.FIRST_SCREEN)
    end = time.monotonic() + box.LONG
    while box.LOGIN not in machine.console.say("s", box.LOGIN + "|" + box.FIRST_SCREEN):
        if time.monotonic() > end:
            raise AssertionError("the seed was not taken")
        time.sleep(1)


def wait_out(console):
    """At the login prompt: let the time pass that wrong passphrases cost; at the same prompt again."""
    while True:
        said = console.say("", "Passphrase: ")
        found = re.search(r"passphrases: wait (\d+) s", said)
        console.say("", box.LOGIN)
        if found is None:
            return
        time.sleep(int(found.group(1)))


def login_when_allowed(console, passphrase=box.PASSPHRASE):
    """Log in, from anywhere before it, after the time that wrong passphrases cost."""
    console.quiet()
    console.say("", box.LOGIN + "|Passphrase: ")
    console.quiet()
    console.send("\x03")
    console.quiet()
    console.say("x", "there are no user names")
    console.expect(box.LOGIN)
    wait_out(console)
    console.say("", "Passphrase: ")
    return console.say(passphrase, r"kms1\S*[^\r\n]*> ", box.LONG)


def new_passphrase(console, passphrase):
    """Type a new one twice; what comes until the next prompt."""
    console.expect("Passphrase: ")
    console.say(passphrase, "Again: ")
    return console.say(passphrase, r"kms1[^\r\n]*> |(?=\nEnter logs in)", box.LONG)


def make_folder(volume, path):
    """Make a folder of a FAT volume, with those above it."""
    names = path.split("/")
    for depth in range(1, len(names) + 1):
        subprocess.run(["mmd", "-D", "s", "-i", volume, "::" + "/".join(names[:depth])], capture_output=True, check=False)


def at(unlock):
    """The stage of a box with DHCP and this setting of `unlock`, made at its first use."""
    with _lock:
        if unlock not in _stages:
            disk = fresh()
            with box.Box(disk) as machine:
                recovery = set_up_by_script(machine.console, "unlock " + unlock)
                machine.wait_for_port(box.LONG)
                uid, material = create_key(machine)
                serial = re.search(r"serial number (\S+)", machine.console.run("show identity")).group(1)
            _stages[unlock] = Stage(disk, recovery, uid, material, serial)
        return _stages[unlock]


def partition(disk, name):
    """First byte and bytes of a partition of a disk."""
    said = subprocess.run(["/usr/sbin/sfdisk", "--dump", disk], capture_output=True, text=True, check=True).stdout
    for line in said.splitlines():
        if 'name="%s"' % name in line:
            start, size = (int(re.search(key + r"=\s*(\d+)", line).group(1)) for key in ("start", "size"))
            return start * 512, size * 512
    raise AssertionError("no partition %s: %s" % (name, said))


def stick(files):
    """The image of a USB stick with one FAT volume, from a dictionary of paths and texts."""
    path = box.file_name("stick.img")
    with open(path, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["/usr/sbin/mkfs.vfat", "-n", "STICK", path], check=True, capture_output=True)
    for folder in sorted({name.rpartition("/")[0] for name in files} - {""}):
        subprocess.run(["mmd", "-i", path, "::" + folder], check=True)
    for name, text in files.items():
        put(path, name, text)
    return path


def put(image, name, text):
    """Write a file into a FAT volume: a path, or path@@offset."""
    subprocess.run(["mcopy", "-o", "-i", image, "-", "::" + name], input=text.encode(), check=True)


def get(image, name):
    """Read a file of a FAT volume; None when it is not there."""
    done = subprocess.run(["mtype", "-i", image, "::" + name], capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 else None


def overwrite(disk, at_byte, data):
    """Change bytes of a disk."""
    with open(disk, "r+b") as file:
        file.seek(at_byte)
        file.write(data)


def take_data(disk):
    """The data partition in a file of its own, for debugfs."""
    start, size = partition(disk, "holdfast-data")
    path = box.file_name("data.img")
    with open(disk, "rb") as source, open(path, "wb") as out:
        source.seek(start)
        shutil.copyfileobj(_Limited(source, size), out)
    return path


def put_data(disk, path):
    """Put it back."""
    with open(path, "rb") as file:
        overwrite(disk, partition(disk, "holdfast-data")[0], file.read())


class _Limited:
    """The next bytes of a file."""

    def __init__(self, file, size):
        self._file, self._left = file, size

    def read(self, size):
        """As of a file."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data
