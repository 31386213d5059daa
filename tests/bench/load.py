# SPDX-License-Identifier: Apache-2.0
"""Calls the load generator and reads its line of key=value."""

import os
import subprocess

from identity import CIPHERS
from servers import LOAD_CORE, pinned
from tools import BUILT

PYKMIP_CIPHER = "ECDHE-RSA-AES128-SHA256"  # PyKMIP offers no GCM with RSA
LIMIT_SECONDS = 240


class Unmeasured(Exception):
    """A figure could not be had."""


def _read(line):
    values = {}
    for pair in line.split():
        key, _, value = pair.partition("=")
        try:
            values[key] = float(value)
        except ValueError:
            values[key] = value
    return values


def command(server, mode, identities, kind="rsa", **options):
    _, client = identities[kind]
    cipher = PYKMIP_CIPHER if server.name == "pykmip" else CIPHERS[kind]
    words = [os.path.join(BUILT, "load"), mode, "--port", str(server.port), "--pid", str(server.pid),
             "--certificate", client.pem, "--key", client.key_pem, "--ciphers", cipher]
    for key, value in options.items():
        words += ["--" + key.replace("_", "-"), str(value)]
    return words


def run(server, mode, identities, kind="rsa", **options):
    """The figures of one window, as a dict of floats."""
    try:
        done = subprocess.run(command(server, mode, identities, kind, **options), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS, preexec_fn=pinned(LOAD_CORE))
    except subprocess.TimeoutExpired:
        raise Unmeasured("%s %s: no end after %d s" % (server.name, mode, LIMIT_SECONDS)) from None
    values = _read(done.stdout)
    if done.returncode != 0 or not values:
        raise Unmeasured("%s %s: %s" % (server.name, mode, (done.stderr or done.stdout).strip()))
    return _checked(server, mode, values)


def _checked(server, mode, values):
    if values["failed"] > 0:
        raise Unmeasured("%s %s: %d of %d requests failed, last Result Reason 0x%x" % (
            server.name, mode, values["failed"], values["failed"] + values["done"], int(values["reason"])))
    if values["lost"] > 0:
        raise Unmeasured("%s %s: %d connections were lost" % (server.name, mode, values["lost"]))
    return values


class Steered:
    """Connections that stay open while the with block runs and ask for one window at a time: so two servers are
    measured in turn, many times a second, with nothing in between that only one of them does."""

    def __init__(self, server, mode, identities, **options):
        self.server = server
        self.mode = mode
        self.words = command(server, mode, identities, steered=1, **options)

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        preexec_fn=pinned(LOAD_CORE))
        return self

    def window(self):
        """The figures of one window, as a dict of floats."""
        try:
            self.process.stdin.write("\n")
        except BrokenPipeError:
            pass
        values = _read(self.process.stdout.readline())
        if not values:
            raise Unmeasured("%s %s: the load generator has ended" % (self.server.name, self.mode))
        return _checked(self.server, self.mode, values)

    def __exit__(self, *unused):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(30)


class Held:
    """Connections that stay open while the with block runs."""

    def __init__(self, server, identities, **options):
        self.words = command(server, "hold", identities, **options)
        self.wanted = options["connections"]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=pinned(LOAD_CORE))
        values = _read(self.process.stdout.readline())
        if values.get("ready") != self.wanted:
            self.__exit__(None, None, None)
            raise Unmeasured("%s of %d connections could be held" % (values.get("ready", 0), self.wanted))
        return values

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait(10)
