# SPDX-License-Identifier: Apache-2.0
"""The real cryptography behind the emulated hardware: wrapped keys that only their root key opens."""

import base64
import binascii
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, padding as block_padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ENVELOPE_VERSION = "4.0.0"


def aad_bytes(aad):
    """Return the additional data as one string of bytes; two lists never give the same."""
    return json.dumps(aad, ensure_ascii=True).encode() if aad else b""


def wrap(material, plaintext, aad, handle, iv_length=12):
    """Return plaintext under key material, as the opaque text that Key Protect hands out."""
    iv = os.urandom(iv_length)
    sealed = AESGCM(material).encrypt(iv, plaintext, aad_bytes(aad))
    envelope = {"ciphertext": base64.b64encode(sealed).decode(), "iv": base64.b64encode(iv).decode(),
                "version": ENVELOPE_VERSION, "handle": handle}
    return base64.b64encode(json.dumps(envelope, separators=(",", ":")).encode()).decode()


def open_envelope(data):
    """Return (iv, sealed) of the decoded text, or None when it is not ours."""
    try:
        envelope = json.loads(data)
        return (base64.b64decode(envelope["iv"], validate=True),
                base64.b64decode(envelope["ciphertext"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return None


def unwrap(material, envelope, aad):
    """Return the plaintext, or None when another key or other additional data made it."""
    iv, sealed = envelope
    if not 8 <= len(iv) <= 128 or len(sealed) < 16:
        return None
    try:
        return AESGCM(material).decrypt(iv, sealed, aad_bytes(aad))
    except InvalidTag:
        return None


class Vault:
    """Keeps the payloads of standard keys under a key of the instance."""

    def __init__(self):
        self._key = AESGCM(os.urandom(32))

    def seal(self, payload, key_id):
        """Return the payload under the instance key, bound to its record."""
        iv = os.urandom(12)
        return iv + self._key.encrypt(iv, payload, key_id.encode())

    def open(self, sealed, key_id):
        """Return the payload of a record."""
        return self._key.decrypt(sealed[:12], sealed[12:], key_id.encode())


class ImportKey:
    """The key pair of an import token; SHA-1 and AES-CBC are what HPCS has."""

    def __init__(self, hpcs):
        self._hash = hashes.SHA1() if hpcs else hashes.SHA256()  # noqa: S303
        self._hpcs = hpcs
        self._pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def public_text(self):
        """Return the public key as PEM in base64."""
        pem = self._pair.public_key().public_bytes(serialization.Encoding.PEM,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(pem).decode()

    def material(self, encrypted):
        """Return the key material that was encrypted to this token, or None."""
        try:
            return self._pair.decrypt(encrypted, padding.OAEP(padding.MGF1(self._hash), self._hash, None))
        except ValueError:
            return None

    def nonce(self, material, encrypted, iv):
        """Return the nonce that was encrypted under the key material, or None."""
        try:
            if not self._hpcs:
                return AESGCM(material).decrypt(iv, encrypted, b"")
            decryptor = Cipher(algorithms.AES(material), modes.CBC(iv)).decryptor()
            unpadder = block_padding.PKCS7(128).unpadder()
            padded = decryptor.update(encrypted) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except (InvalidTag, ValueError):
            return None
