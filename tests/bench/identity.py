# SPDX-License-Identifier: Apache-2.0
"""Self-signed certificates of one run, RSA 2048 and P-256, as vCenter and ESXi hosts use them."""

import os
import subprocess

KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
}
CIPHERS = {"rsa": "ECDHE-RSA-AES128-GCM-SHA256", "ec": "ECDHE-ECDSA-AES128-GCM-SHA256"}


class Identity:
    """A certificate and its key, each as PEM and as DER."""

    def __init__(self, folder, role, kind):
        stem = os.path.join(folder, "%s-%s" % (role, kind))
        self.pem, self.key_pem, self.der, self.key_der = (stem + end for end in (".pem", ".key", ".der", ".key.der"))
        _openssl("req", "-x509", *KINDS[kind], "-nodes", "-keyout", self.key_pem, "-out", self.pem, "-days", "30",
                 "-sha256", "-subj", "/CN=bench %s %s" % (role, kind), "-addext", "extendedKeyUsage=clientAuth,serverAuth")
        _openssl("x509", "-in", self.pem, "-outform", "DER", "-out", self.der)
        _openssl("pkcs8", "-topk8", "-nocrypt", "-in", self.key_pem, "-outform", "DER", "-out", self.key_der)


def make(folder):
    """{"rsa": (server, client), "ec": (server, client)}"""
    return {kind: (Identity(folder, "server", kind), Identity(folder, "client", kind)) for kind in KINDS}


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
