# SPDX-License-Identifier: Apache-2.0
"""A machine that boots: QEMU with UEFI firmware and a TPM, an ESP with unified kernel images whose only program is
tests/seal/tool.c."""
import os
import shutil
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIRMWARE = "/usr/share/OVMF"


def run(*words, **more):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **more)


def initramfs(folder, program, more):
    """An archive with /init and a file of its own, so that two images differ."""
    root = os.path.join(folder, "root")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    shutil.copy(program, os.path.join(root, "init"))
    with open(os.path.join(root, "more"), "w", encoding="ascii") as out:
        out.write(more)
    os.makedirs(os.path.join(root, "dev"))
    out = os.path.join(folder, "initramfs")
    with open(out, "wb") as archive:
        subprocess.run("find . | cpio --quiet -o -H newc -R 0:0", shell=True, check=True, cwd=root, stdout=archive)
    return out


def image(out, program, kernel, loader, command_line, more):
    folder = out + ".parts"
    os.makedirs(folder, exist_ok=True)
    for name, text in (("cmdline", command_line), ("osrel", 'ID=holdfast\nPRETTY_NAME="Holdfast"\n')):
        with open(os.path.join(folder, name), "w", encoding="ascii") as part:
            part.write(text)
    run(os.path.join(ROOT, "image/uki"), os.path.join(loader, "linuxx64.efi.stub"), out,
        f".osrel={folder}/osrel", f".cmdline={folder}/cmdline",
        f".initrd={initramfs(folder, program, more)}", f".linux={kernel}")
    return out


def disk(out, loader, files):
    """files: names on the ESP and what they are copied from."""
    folder = out + ".esp"
    os.makedirs(folder, exist_ok=True)
    loader_conf = os.path.join(folder, "loader.conf")
    with open(loader_conf, "w", encoding="ascii") as conf:
        conf.write("timeout 0\neditor no\n")
    esp = out + ".fat"
    for name in (out, esp):
        if os.path.exists(name):
            os.remove(name)
    run("truncate", "-s", "40M", esp)
    run("mkfs.vfat", "-F", "32", "-s", "1", "-h", "2048", esp)
    for name in ("EFI", "EFI/BOOT", "EFI/Linux", "loader", "loader/entries"):
        run("mmd", "-i", esp, "::/" + name)
    files = {"EFI/BOOT/BOOTX64.EFI": os.path.join(loader, "systemd-bootx64.efi"), "loader/loader.conf": loader_conf,
             **files}
    for name, source in files.items():
        run("mcopy", "-i", esp, source, "::/" + name)
    run("truncate", "-s", "42M", out)
    run("sfdisk", "--quiet", out, input=b"label: gpt\nstart=2048, size=81920, type=uefi, name=esp\n")
    run("dd", f"if={esp}", f"of={out}", "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none")
    return out


def add_file(disk_image, name, source):
    run("mcopy", "-o", "-i", f"{disk_image}@@1M", source, "::/" + name)


def boot(folder, disk_image, code="OVMF_CODE_4M.fd", variables="OVMF_VARS_4M.fd", seconds=180):
    """Starts the machine; everything that it wrote to its serial line until it was done."""
    state, control = os.path.join(folder, "machine-tpm"), os.path.join(folder, "machine.ctrl")
    os.makedirs(state, exist_ok=True)
    kept = os.path.join(folder, "vars-" + code)
    if not os.path.exists(kept):
        shutil.copy(os.path.join(FIRMWARE, variables), kept)
    tpm = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--terminate",
                            "--ctrl", f"type=unixio,path={control}"], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while not os.path.exists(control) and time.monotonic() < until:
            time.sleep(0.05)
        serial = os.path.join(folder, "serial")
        subprocess.run(["qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-m", "512", "-nodefaults", "-no-reboot",
                        "-display", "none", "-serial", f"file:{serial}",
                        "-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE}/{code}",
                        "-drive", f"if=pflash,format=raw,file={kept}",
                        "-drive", f"if=virtio,format=raw,file={disk_image}",
                        "-chardev", f"socket,id=tpm,path={control}", "-tpmdev", "emulator,id=tpm,chardev=tpm",
                        "-device", "tpm-crb,tpmdev=tpm"],
                       timeout=seconds, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(serial, encoding="ascii", errors="replace") as text:
            return text.read().replace("\r", "")
    except subprocess.TimeoutExpired:
        with open(serial, encoding="ascii", errors="replace") as text:
            return text.read() + "\nTIMEOUT"
    finally:
        tpm.terminate()
        tpm.wait()
        if os.path.exists(control):
            os.remove(control)
