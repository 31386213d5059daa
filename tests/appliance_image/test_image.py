# SPDX-License-Identifier: Apache-2.0
"""What is in the image, and how large it is."""

import glob
import hashlib
import json
import os
import subprocess
import unittest

import machine  # noqa: F401  pylint: disable=unused-import
import box
import images

FOLDER = os.path.dirname(box.PARTS)
ESP = "@@1M"
MIB = 1 << 20


def sbom():
    """Where and path to SHA-256 of every file that the SBOM names."""
    with open(os.path.join(FOLDER, "sbom.spdx.json"), encoding="utf-8") as file:
        files = json.load(file)["files"]
    found = {}
    for entry in files:
        where, _, path = entry["fileName"].removeprefix("./").partition("/")
        sums = {one["algorithm"]: one["checksumValue"] for one in entry["checksums"]}
        found[where, "/" + path] = sums["SHA256"]
    return found


def sha(data):
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sections(image):
    """Name to bytes of the sections of a PE file."""
    at = int.from_bytes(image[0x3C:0x40], "little")
    count, optional = (int.from_bytes(image[at + o:at + o + 2], "little") for o in (6, 20))
    found = {}
    for row in range(count):
        entry = image[at + 24 + optional + 40 * row:][:40]
        size, stored, offset = (int.from_bytes(entry[o:o + 4], "little") for o in (8, 16, 20))
        found[entry[:8].rstrip(b"\0").decode()] = image[offset:offset + min(size, stored)]
    return found


def esp_files(disk):
    """Path to bytes of every file of the boot partition, read from the disk image."""
    listed = subprocess.run(["mdir", "-/", "-b", "-a", "-i", disk + ESP, "::"], check=True, capture_output=True, text=True)
    paths = [line.strip().removeprefix("::") for line in listed.stdout.splitlines()]
    return {path: subprocess.run(["mtype", "-i", disk + ESP, "::" + path], check=True, capture_output=True).stdout
            for path in paths if not path.endswith("/")}


class Contents(unittest.TestCase):
    """Nothing but what the SBOM names, read from the image that is released."""

    def test_everything_is_in_the_sbom(self):
        """By path and hash: the boot partition, the kernel, the initramfs."""
        disk = box.file_name("disk.img")
        packed, = glob.glob(os.path.join(FOLDER, "*.img.zst"))
        subprocess.run(["zstd", "-dq", packed, "-o", disk], check=True)
        named, there = sbom(), {}
        for path, data in esp_files(disk).items():
            there["esp", path] = sha(data)
        slot = esp_files(disk)["/EFI/Linux/holdfast-000001.efi"]
        parts = sections(slot)
        there["uki", "/linux"] = sha(parts[".linux"])
        self.assertLessEqual(set(parts), {".text", ".rodata", ".data", ".sdmagic", ".sbat", ".dynamic", ".dynsym", ".rela",
                                          ".reloc", ".dynstr", ".hash", ".gnu.hash", ".sdmagic", ".osrel", ".cmdline", ".initrd",
                                          ".linux"})
        archive = subprocess.run(["zstd", "-dcq"], input=parts[".initrd"], check=True, capture_output=True).stdout
        programs = []
        for path, mode, _, data in images.entries(archive):
            if mode & 0o170000 == 0o100000:
                there["initramfs", path] = sha(data)
                if mode & 0o111:
                    programs.append(path)
            else:
                self.assertIn(mode & 0o170000, (0o040000, 0o020000), path)
        self.assertEqual(programs, ["/init"])
        self.assertEqual(there, named)

    def test_the_data_partition_is_empty(self):
        """A new box begins with nothing."""
        with open(box.part("disk.img"), "rb") as file:
            data = file.read()
        start = 41 * MIB
        path = box.file_name("data.img")
        with open(path, "wb") as file:
            file.write(data[start:start + 22 * MIB])
        listed = subprocess.run(["/usr/sbin/debugfs", "-R", "ls -p /", path], check=True, capture_output=True, text=True).stdout
        names = {line.split("/")[5] for line in listed.splitlines() if line.count("/") > 5}
        self.assertEqual(names, {".", "..", "lost+found"})

    def test_checksums_and_signature(self):
        """As somebody checks who downloads it."""
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=FOLDER, check=True)
        key = next(data for path, _, _, data in images.entries(images.initramfs())
                   if path == "/etc/holdfast/release-1.pem")
        path = box.file_name("release.pem")
        with open(path, "wb") as file:
            file.write(key)
        subprocess.run(["openssl", "dgst", "-sha256", "-verify", path, "-signature", "SHA256SUMS.sig", "SHA256SUMS"],
                       cwd=FOLDER, check=True, capture_output=True)

    def test_sizes(self):
        """Printed and bounded."""
        packed, = glob.glob(os.path.join(FOLDER, "*.img.zst"))
        sizes = {"img.zst": (os.path.getsize(packed), 6 * MIB),
                 "disk": (os.path.getsize(box.part("disk.img")), 64 * MIB),
                 "binary": (len(images.program()), 1258291)}
        for name, (size, most) in sizes.items():
            print("    %-8s %9d bytes of %d" % (name, size, most), flush=True)
            self.assertLessEqual(size, most, name)


def run(*words):
    """A command of the tree; its output and errors as one text, whether it was good."""
    done = subprocess.run(words, cwd=box.ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0, done.stdout + done.stderr


class Build(unittest.TestCase):
    """The tools of image/."""

    def test_is_reproducible(self):
        """Built twice, at two places."""
        good, said = run("image/reproduce", images.BOARD)
        self.assertTrue(good, said[-3000:])
        self.assertIn("built twice, equal byte for byte", said)

    def test_flash_refuses_what_is_no_free_disk(self):
        """Nothing is written."""
        path = box.file_name("file.img")
        with open(path, "wb") as file:
            file.truncate(80 * MIB)
        for target in (path, "/dev/null", "/dev/none", "/tmp", ""):
            with self.subTest(target):
                good, said = run("image/flash", images.BOARD, target)
                self.assertFalse(good, said)
                self.assertGreater(len(said), 10)
                print("    flash %s: %s" % (target or "(nothing)", said.strip().splitlines()[-1]), flush=True)
        with open(path, "rb") as file:
            self.assertFalse(file.read().strip(b"\0"))
