# SPDX-License-Identifier: Apache-2.0
"""Further images, made from the parts of the one that image/build made: other versions, broken programs, bad signatures."""

import os
import subprocess

import machine  # noqa: F401  pylint: disable=unused-import
import box

TOOLS = os.path.join(box.ROOT, "image")
STUB = os.path.join(box.ROOT, "build/cache/debian/systemd-boot-efi-amd64/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
DEVELOPMENT_KEY = os.path.join(box.ROOT, "build/image/development-release.key")
BOARD = "qemu-x86_64"
KINDS = {0o040000: "dir", 0o100000: "file", 0o020000: "node"}


def entries(archive):
    """Yield (path, mode, device, data) of a cpio archive, `newc`."""
    at = 0
    while True:
        if archive[at:at + 6] != b"070701":
            raise AssertionError("no cpio header at byte %d" % at)
        fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        path = archive[at + 110:at + 110 + name_size - 1].decode()
        begin = at + (110 + name_size + 3) // 4 * 4
        if path == "TRAILER!!!":
            if archive[begin:].strip(b"\0"):
                raise AssertionError("bytes behind the end of the archive")
            return
        yield "/" + path, mode, (fields[9], fields[10]), archive[begin:begin + size]
        at = begin + (size + 3) // 4 * 4


def initramfs():
    """The archive of the image."""
    return subprocess.run(["zstd", "-dcq", box.part("initramfs.zst")], check=True, capture_output=True).stdout


def program():
    """The program of the image."""
    return next(data for path, _, _, data in entries(initramfs()) if path == "/init")


def called(version, changes=()):
    """The program with another version in its bytes, and other texts of the same length."""
    data = program()
    for old, new in ((box_version(), version), *changes):
        old, new = old.encode(), new.encode()
        if len(old) != len(new) or old not in data:
            raise AssertionError("the program cannot be changed: %r" % old)
        data = data.replace(old, new)
    return data


def compiled(text):
    """Another program, from C."""
    source, out = box.file_name("other.c"), box.file_name("other")
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    subprocess.run([os.path.join(box.ROOT, "build/vendor/x86_64/cc"), "-O2", "-fPIE", "-static-pie", "-s", source, "-o", out],
                   check=True)
    with open(out, "rb") as file:
        return file.read()


def box_version():
    """The version of the image."""
    text = next(data for path, _, _, data in entries(initramfs()) if path == "/etc/holdfast/version").decode()
    return dict(line.split("=", 1) for line in text.splitlines())["version"]


def initramfs_with(binary):
    """The path of an initramfs with another program."""
    return _initramfs(box_version(), binary, None)


def _initramfs(version, binary, epoch):
    path = box.file_name("zst")
    folder = os.path.dirname(path)
    root, rows = os.path.join(folder, "root"), []
    for name, mode, device, data in entries(initramfs()):
        kind = KINDS[mode & 0o170000]
        numbers = " c %d %d" % device if kind == "node" else ""
        rows.append("%s %s %04o%s\n" % (kind, name, mode & 0o7777, numbers))
        if kind != "file":
            continue
        if name == "/init" and binary is not None:
            data = binary
        if name == "/etc/holdfast/version":
            lines = dict(line.split("=", 1) for line in data.decode().splitlines())
            lines["version"] = version
            lines["epoch"] = str(epoch or lines["epoch"])
            data = "".join("%s=%s\n" % pair for pair in lines.items()).encode()
        os.makedirs(root + os.path.dirname(name), exist_ok=True)
        with open(root + name, "wb") as file:
            file.write(data)
    with open(folder + "/list", "w", encoding="ascii") as file:
        file.writelines(rows)
    subprocess.run([TOOLS + "/initramfs", folder + "/list", root, folder + "/cpio", folder + "/listing"], check=True)
    subprocess.run(["zstd", "-q", "-3", folder + "/cpio", "-o", path], check=True)
    return path


def uki(version, binary=None, epoch=None):
    """The path of a unified kernel image with these differences to the one of the build."""
    path = box.file_name("holdfast.efi")
    folder = os.path.dirname(path)
    initrd = _initramfs(version, binary, epoch)
    with open(folder + "/osrel", "w", encoding="ascii") as file:
        file.write('ID=holdfast\nPRETTY_NAME="Holdfast %s"\n' % version)
    subprocess.run([TOOLS + "/uki", STUB, path, ".osrel=" + folder + "/osrel", ".cmdline=" + box.part("cmdline"),
                    ".initrd=" + initrd, ".linux=" + box.part("kernel")], check=True)
    return path


def update(image, version, board=BOARD, arch="x86_64", epoch=1, key=DEVELOPMENT_KEY):
    """The bytes of an update file for a unified kernel image."""
    path = box.file_name("update")
    subprocess.run([TOOLS + "/update", image, key, path, "version=" + version, "board=" + board, "arch=" + arch,
                    "epoch=%d" % epoch], check=True)
    with open(path, "rb") as file:
        return file.read()


def other_key():
    """A release key that no box knows."""
    path = box.file_name("other.key")
    subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", path],
                   check=True)
    return path


def put_on(stick, name, data):
    """The one update file of a stick: as if another stick were put in."""
    subprocess.run(["mdel", "-i", stick, "::*.upd"], check=False, capture_output=True)
    subprocess.run(["mcopy", "-o", "-i", stick, "-", "::" + name], input=data, check=True)
