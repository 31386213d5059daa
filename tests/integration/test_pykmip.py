# SPDX-License-Identifier: Apache-2.0
"""PyKMIP's client, in every version of KMIP that both speak."""

import functools
import itertools
import logging
import os
import unittest
import warnings

import client
import world

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kmip import enums
        from kmip.core import exceptions as core_exceptions
        from kmip.pie import client as pie
        from kmip.pie import exceptions, objects
except ImportError:
    enums = None

_numbers = itertools.count()
MATERIAL = bytes(range(32))
MASKS = None if enums is None else [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]


def every_version(test):
    """Run a test once for each version, with a client that speaks it."""
    @functools.wraps(test)
    def run(self):
        for version in (enums.KMIPVersion.KMIP_1_0, enums.KMIPVersion.KMIP_1_1, enums.KMIPVersion.KMIP_1_2,
                        enums.KMIPVersion.KMIP_1_3, enums.KMIPVersion.KMIP_1_4):
            made = pie.ProxyKmipClient(hostname="127.0.0.1", port=self.server.port, cert=self.client.cert,
                                       key=self.client.key, ca=self.authority, ssl_version="PROTOCOL_TLSv1_2",
                                       config_file=os.devnull, kmip_version=version)
            with self.subTest(version=version.name), made:
                test(self, made)
    return run


@unittest.skipIf(enums is None, "PyKMIP is not installed")
class PyKmip(unittest.TestCase):
    """Each test runs once for each version."""

    @classmethod
    def setUpClass(cls):
        logging.disable(logging.CRITICAL)
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()
        cls.authority = os.path.join(cls.server.state, "server-rsa.pem")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        logging.disable(logging.NOTSET)

    def check_refused(self, reason, work, *words):
        """The server refuses with this reason."""
        with self.assertRaises(exceptions.KmipOperationFailure) as caught:
            work(*words)
        self.assertEqual(caught.exception.reason, reason)

    @every_version
    def test_create_get_locate_activate_revoke_destroy(self, kmip):
        name = "key of %s" % kmip.kmip_version.name
        uid = kmip.create(enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=MASKS)
        key = kmip.get(uid)
        self.assertEqual(key.cryptographic_algorithm, enums.CryptographicAlgorithm.AES)
        self.assertEqual((key.cryptographic_length, len(key.value)), (256, 32))
        found = kmip.locate(attributes=[kmip.attribute_factory.create_attribute(
            enums.AttributeType.NAME, _name(name))])
        self.assertEqual(found, [uid])
        kmip.activate(uid)
        self.assertEqual(_state(kmip, uid), enums.State.ACTIVE)
        self.check_refused(enums.ResultReason.PERMISSION_DENIED, kmip.activate, uid)
        self.check_refused(enums.ResultReason.PERMISSION_DENIED, kmip.destroy, uid)
        kmip.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid)
        self.assertEqual(_state(kmip, uid), enums.State.DEACTIVATED)
        kmip.destroy(uid)
        self.check_refused(enums.ResultReason.ITEM_NOT_FOUND, kmip.get, uid)

    @every_version
    def test_revoke_because_compromised(self, kmip):
        uid = kmip.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=MASKS)
        kmip.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, uid, revocation_message="lost",
                    compromise_occurrence_date=1)
        self.assertEqual(_state(kmip, uid), enums.State.COMPROMISED)
        kmip.destroy(uid)

    @every_version
    def test_lengths_of_created_keys(self, kmip):
        for length in (128, 192, 256):
            uid = kmip.create(enums.CryptographicAlgorithm.AES, length, cryptographic_usage_mask=MASKS)
            self.assertEqual(len(kmip.get(uid).value) * 8, length)

    @every_version
    def test_get_attributes(self, kmip):
        uid = kmip.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=MASKS)
        listed = kmip.get_attribute_list(uid)
        for name in ("Cryptographic Algorithm", "Cryptographic Length", "Cryptographic Usage Mask", "Digest",
                     "Initial Date", "Last Change Date", "Object Type", "State", "Unique Identifier"):
            self.assertIn(name, listed)
        same, values = kmip.get_attributes(uid, ["Cryptographic Length", "State", "x-Absent"])
        self.assertEqual(same, uid)
        self.assertEqual({value.attribute_name.value: value.attribute_value.value for value in values},
                         {"Cryptographic Length": 256, "State": enums.State.PRE_ACTIVE})

    @every_version
    def test_register_symmetric_key(self, kmip):
        key = objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 256, MATERIAL, masks=MASKS,
                                   name=_fresh_name())
        uid = kmip.register(key)
        self.assertEqual(kmip.get(uid).value, MATERIAL)
        kmip.destroy(uid)

    @every_version
    def test_register_secret_data(self, kmip):
        secret = objects.SecretData(b"a password, or so", enums.SecretDataType.PASSWORD,
                                    masks=[enums.CryptographicUsageMask.VERIFY], name=_fresh_name())
        found = kmip.get(kmip.register(secret))
        self.assertEqual((found.value, found.data_type), (secret.value, secret.data_type))

    @every_version
    def test_register_opaque_object(self, kmip):
        for value in (b"\0", b"what only its owner understands" * 30):
            found = kmip.get(kmip.register(objects.OpaqueObject(value, enums.OpaqueDataType.NONE, name=_fresh_name())))
            self.assertEqual(found.value, value)

    @every_version
    def test_get_wrapped_key(self, kmip):
        """NIST key wrap (RFC 3394) of a known key under a known key."""
        wrapping, wrapped = MATERIAL[:16], bytes.fromhex("00112233445566778899AABBCCDDEEFF")
        expected = bytes.fromhex("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5")  # RFC 3394 s4.1
        kek = kmip.register(objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES, 128, wrapping, name=_fresh_name(),
            masks=MASKS + [enums.CryptographicUsageMask.WRAP_KEY, enums.CryptographicUsageMask.UNWRAP_KEY]))
        kmip.activate(kek)
        uid = kmip.register(objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 128, wrapped, masks=MASKS,
                                                 name=_fresh_name()))
        wish = {"wrapping_method": enums.WrappingMethod.ENCRYPT,
                "encryption_key_information": {
                    "unique_identifier": kek,
                    "cryptographic_parameters": {
                        "block_cipher_mode": enums.BlockCipherMode.NIST_KEY_WRAP}},
                "encoding_option": enums.EncodingOption.NO_ENCODING}
        if kmip.kmip_version == enums.KMIPVersion.KMIP_1_0:
            del wish["encoding_option"]  # since 1.1
        received = []
        receive = kmip.proxy._receive_message

        def keep():
            stream = receive()
            received.append(stream.buffer)
            return stream

        kmip.proxy._receive_message = keep
        try:
            value = kmip.get(uid, wish).value
        except core_exceptions.ReadValueError:
            # PyKMIP wants a structure; the Key Value of a wrapped key without encoding is a Byte String (s2.1.4).
            value = client.answers_of(client.ttlv.decode(received[0]))[0].payload.find("Symmetric Key").find(
                "Key Block").get("Key Value")
        if kmip.kmip_version == enums.KMIPVersion.KMIP_1_0:
            self.assertNotIn(wrapped, received[0])  # 1.0 has only the TTLV encoding inside
        else:
            self.assertEqual(value, expected)

    @every_version
    def test_locate_counts(self, kmip):
        before = set(kmip.locate())
        made = {kmip.create(enums.CryptographicAlgorithm.AES, 256, cryptographic_usage_mask=MASKS)
                for _ in range(3)}
        self.assertEqual(set(kmip.locate()) - before, made)
        self.assertEqual(len(kmip.locate(maximum_items=2)), 2)

    @every_version
    def test_same_name_twice_is_refused(self, kmip):
        name = "twice " + kmip.kmip_version.name
        kmip.create(enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=MASKS)
        self.check_refused(enums.ResultReason.INVALID_FIELD, lambda: kmip.create(
            enums.CryptographicAlgorithm.AES, 256, name=name, cryptographic_usage_mask=MASKS))

    @every_version
    def test_unknown_object(self, kmip):
        self.check_refused(enums.ResultReason.ITEM_NOT_FOUND, kmip.get, "no such key")


def _name(text):
    from kmip.core import attributes  # pylint: disable=import-outside-toplevel
    return attributes.Name.create(text, enums.NameType.UNINTERPRETED_TEXT_STRING)


def _fresh_name():
    """A Name of its own: PyKMIP gives every object of a kind the same one."""
    return "object %d" % next(_numbers)


def _state(kmip, uid):
    _, values = kmip.get_attributes(uid, ["State"])
    return values[0].attribute_value.value
