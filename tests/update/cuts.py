# SPDX-License-Identifier: Apache-2.0
"""cuts.py FOLDER KERNEL CUTS: runs the machine of box.c and cuts its power."""
import os
import random
import subprocess
import sys
import time

FOLDER, KERNEL, CUTS = sys.argv[1], sys.argv[2], int(sys.argv[3])
DEADLINE = 120      # seconds, of one start
results = []


def command(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def image_of(version):
    """As box.c makes it."""
    x = 1
    for c in version.encode():
        x = (x * 31 + c) & 0xFFFFFFFF
    data = bytearray(1536 * 1024)
    for i in range(len(data)):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        data[i] = x >> 24
    osrel = f'PRETTY_NAME="Holdfast {version}"\n'.encode()
    data[:1024] = bytes(1024)
    data[:2] = b"MZ"
    data[0x3C] = 0x80
    data[0x80:0x84] = b"PE\0\0"
    data[0x86] = 1
    data[0x98:0x9E] = b".osrel"
    data[0xA0] = data[0xA8] = len(osrel)
    data[0xAD] = 2
    data[512:512 + len(osrel)] = osrel
    return bytes(data)


def make_volume(name, mib, *more):
    path = os.path.join(FOLDER, name)
    if os.path.exists(path):
        os.remove(path)
    with open(path, "wb") as out:
        out.truncate(mib << 20)
    command("mkfs.vfat", *more, path)
    return path


class Machine:
    def __init__(self, task, *disks):
        words = ["qemu-system-x86_64", "-machine", "q35", "-m", "128", "-nodefaults", "-no-user-config",
                 "-display", "none", "-serial", "stdio", "-no-reboot",
                 "-kernel", KERNEL, "-initrd", os.path.join(FOLDER, "initramfs"),
                 "-append", f"console=ttyS0 quiet panic=-1 task={task}"]
        for disk in disks:
            words += ["-drive", f"file={disk},format=raw,if=virtio,cache=writeback"]
        self.log = os.path.join(FOLDER, "console")
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)

    def said(self):
        with open(self.log, encoding="ascii", errors="replace") as log:
            return log.read().replace("\r", "")

    def wait_for(self, word):
        end = time.monotonic() + DEADLINE
        while word not in self.said() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        return word in self.said()

    def cut(self):
        self.process.kill()
        self.process.wait()


def result(good, title, detail=""):
    results.append(good)
    print(("ok " if good else "not ok ") + title)
    if not good:
        print("    " + detail.replace("\n", "\n    "))


def cuts():
    esp = make_volume("esp.img", 64, "-F", "32", "-s", "1")
    first = os.path.join(FOLDER, "first.efi")
    with open(first, "wb") as out:
        out.write(image_of("1.1.0"))
    command("mmd", "-i", esp, "::EFI", "::EFI/Linux")
    command("mcopy", "-i", esp, first, "::EFI/Linux/holdfast-000001.efi")
    steps = shared = 0
    for i in range(CUTS):
        machine = Machine("cuts", esp)
        if not machine.wait_for("READY"):
            machine.cut()
            return result(False, f"cut {i}: comes up", machine.said())
        time.sleep(random.uniform(0, 1.5))
        machine.cut()
        said = machine.said()
        steps += said.count("STEP")
        shared += said.count("SHARED")
        if "STOP" in said:
            return result(False, f"cut {i}: every image is whole", said)
    machine = Machine("check", esp)
    good = machine.wait_for("STOP good")
    machine.cut()
    result(good, f"{CUTS} power cuts, {steps} changes, every image whole ({shared} times two names)", machine.said())
    found = subprocess.run(["fsck.vfat", "-n", esp], capture_output=True, text=True, check=False).stdout
    result("share" not in found and "FATs differ" not in found, "fsck finds no clusters of two files", found)
    print("    " + "\n    ".join(line for line in found.splitlines() if line.strip())[:600])
    return None


def stick():
    esp = make_volume("esp.img", 64, "-F", "32", "-s", "1")
    usb = make_volume("stick.img", 40)
    for name, text in (("holdfast.conf", "set server name kms1\r\n"),
                       ("holdfast.secret", "passphrase correct horse battery\r\n")):
        path = os.path.join(FOLDER, name)
        with open(path, "w", encoding="ascii", newline="") as out:
            out.write(text)
        command("mcopy", "-i", usb, path, f"::{name}")
    machine = Machine("stick", esp, usb)
    good = machine.wait_for("STOP seed done")
    machine.cut()
    result(good, "a seed on a stick", machine.said())
    names = command("mdir", "-b", "-i", usb, "::")
    result("secret" not in names and "holdfast.result.txt" in names and "export.conf" in names,
           "the result is on the stick, the secret is not", names)
    result(command("mtype", "-i", usb, "::export.conf") == "second\n", "a file is replaced")
    said = command("mtype", "-i", usb, "::holdfast.result.txt")
    result("settings: 21 bytes" in said and "RECOVERY" not in said and "set up" in said, "what it says", said)
    with open(usb, "rb") as raw:
        result(b"correct horse battery" not in raw.read(), "the passphrase is nowhere on the stick")


cuts()
stick()
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(0 if all(results) else 1)
