# SPDX-License-Identifier: Apache-2.0
"""Builds the load generator and the two echo servers into build/bench/."""

import os
import platform
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILT = os.path.join(ROOT, "build", "bench")
PACKAGES = ["gcc", "libssl-dev", "python3-pykmip", "openssl"]
FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes"]
LOAD = ["load", "options", "exchange", "handshakes", "storm", "hold", "crowd", "peer", "result", "names", "request",
        "histogram", "cpu"]


class Missing(Exception):
    """Something that the benchmarks need is not there."""


def _sources(names):
    return [os.path.join(HERE, name + ".c") for name in names]


def _is_older(target, sources):
    headers = [os.path.join(HERE, name) for name in os.listdir(HERE) if name.endswith(".h")]
    return not os.path.exists(target) or any(
        os.path.getmtime(path) > os.path.getmtime(target) for path in sources + headers)


def _compile(target, names, compiler, before, after):
    target = os.path.join(BUILT, target)
    if _is_older(target, _sources(names) + [path for path in after if path.endswith(".a")]):
        subprocess.run([*compiler, *FLAGS, *before, "-o", target, *_sources(names), *after], check=True)
    return target


def need_packages():
    """The project's own script installs by name what is missing; without it they must be there."""
    script = os.path.join(ROOT, "vendor", "need")
    if os.path.exists(script):
        subprocess.run([script, *PACKAGES], check=True, stdout=subprocess.DEVNULL)


def build():
    """The folder of the tools. The BearSSL echo is linked as the server is: same library, same compiler."""
    os.makedirs(BUILT, exist_ok=True)
    vendor = os.path.join(ROOT, "build", "vendor", platform.machine())
    library = os.path.join(vendor, "lib", "libbearssl.a")
    if not os.path.exists(library):
        raise Missing("build/vendor/%s/lib/libbearssl.a is not built yet: run make first" % platform.machine())
    _compile("load", LOAD, ["gcc"], [], ["-lssl", "-lcrypto"])
    _compile("echo_openssl", ["echo_openssl", "echo"], ["gcc"], [], ["-lssl", "-lcrypto"])
    _compile("echo_bearssl", ["echo_bearssl", "echo"], [os.path.join(vendor, "cc")],
             ["-static-pie", "-I" + os.path.join(vendor, "include")], [library])
    return BUILT
