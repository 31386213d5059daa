#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the replayer: encoding, reading of cases, every rule, and playing."""

import contextlib
import io
import pathlib
import socket
import sys
import tempfile
import threading
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import case as cases
import clock as clocks
import comparison
import errata
import lists
import names
import player as players
import replay
import rules
import scene as scenes
import table
import ttlv
import wellformed
import wire

NOW = 1_700_000_000


def item(name, kind, value):
    return ttlv.Item(names.tag_number(name), kind, value)


def text(name, value):
    return item(name, ttlv.TEXT_STRING, value)


def structure(name, *children):
    return item(name, ttlv.STRUCTURE, list(children))


def new_clock(now=NOW, **options):
    return clocks.Clock(source=lambda: now, **options)


def message(kind, version, *batch_items):
    """Return the XML of a message with these batch items as XML."""
    stamp = '<TimeStamp type="DateTime" value="2012-04-27T08:12:23+00:00"/>'
    return """<{0}Message><{0}Header><ProtocolVersion>
        <ProtocolVersionMajor type="Integer" value="1"/>
        <ProtocolVersionMinor type="Integer" value="{1}"/></ProtocolVersion>{2}
        <BatchCount type="Integer" value="{3}"/></{0}Header>{4}</{0}Message>""".format(
            kind, version, stamp if kind == "Response" else "", len(batch_items),
            "".join(batch_items))


def request_item(operation, payload=""):
    return """<BatchItem><Operation type="Enumeration" value="%s"/>
        <RequestPayload>%s</RequestPayload></BatchItem>""" % (operation, payload)


def success_item(operation, payload=""):
    return """<BatchItem><Operation type="Enumeration" value="%s"/>
        <ResultStatus type="Enumeration" value="Success"/>
        <ResponsePayload>%s</ResponsePayload></BatchItem>""" % (operation, payload)


def failed_item(operation, reason, text_value="no"):
    return """<BatchItem><Operation type="Enumeration" value="%s"/>
        <ResultStatus type="Enumeration" value="OperationFailed"/>
        <ResultReason type="Enumeration" value="%s"/>
        <ResultMessage type="TextString" value="%s"/></BatchItem>""" % (
            operation, reason, text_value)


def pending_item(operation):
    return """<BatchItem><Operation type="Enumeration" value="%s"/>
        <ResultStatus type="Enumeration" value="OperationPending"/>
        <AsynchronousCorrelationValue type="ByteString" value="$CORRELATION"/>
        </BatchItem>""" % operation


def attribute(name, kind, value, index=None):
    position = '<AttributeIndex type="Integer" value="%d"/>' % index if index is not None else ""
    return """<Attribute><AttributeName type="TextString" value="%s"/>%s
        <AttributeValue type="%s" value="%s"/></Attribute>""" % (name, position, kind, value)


def identifier(value="$UNIQUE_IDENTIFIER_0"):
    return '<UniqueIdentifier type="TextString" value="%s"/>' % value


def asked_names(*found):
    return "".join('<AttributeName type="TextString" value="%s"/>' % name for name in found)


def parse(*messages, name="TC_1"):
    return cases.parse_case(name, "<KMIP># TIME 0\n%s</KMIP>" % "# TIME 1\n".join(messages))


def exchange(request, response, version=2):
    """Return the one exchange of a request and a response given as batch item XML."""
    case = parse(message("Request", version, request), message("Response", version, response))
    return case.exchanges[0]


class TtlvTest(unittest.TestCase):
    """The encoding, there and back."""

    def test_round_trip_of_every_type(self):
        whole = structure(
            "Request Payload", item("Cryptographic Length", ttlv.INTEGER, -128),
            item("Usage Limits Total", ttlv.LONG_INTEGER, 1 << 40),
            item("Modulus", ttlv.BIG_INTEGER, 1 << 71), item("Q", ttlv.BIG_INTEGER, -1),
            item("Object Type", ttlv.ENUMERATION, 0x80000001),
            item("Fresh", ttlv.BOOLEAN, True), text("Unique Identifier", "Schlüssel"),
            item("Key Material", ttlv.BYTE_STRING, b"123456789"),
            item("Initial Date", ttlv.DATE_TIME, -6), item("Lease Time", ttlv.INTERVAL, 3600),
            structure("Server Information"))
        self.assertEqual(ttlv.decode(ttlv.encode(whole)), whole)

    def test_examples_of_the_specification(self):
        examples = {
            "42002002000000040000000800000000": (ttlv.INTEGER, 8),
            "420020030000000801B69B4BA5749200": (ttlv.LONG_INTEGER, 123456789000000000),
            "42002004000000100000000003FD35EB6BC2DF4618080000":
                (ttlv.BIG_INTEGER, 1234567890000000000000000000),
            "4200200500000004000000FF00000000": (ttlv.ENUMERATION, 255),
            "42002006000000080000000000000001": (ttlv.BOOLEAN, True),
            "420020070000000B48656C6C6F20576F726C640000000000": (ttlv.TEXT_STRING, "Hello World"),
            "42002008000000030102030000000000": (ttlv.BYTE_STRING, b"\1\2\3"),
            "42002009000000080000000047DA67F8": (ttlv.DATE_TIME, 0x47DA67F8),
            "4200200A00000004000D2F0000000000": (ttlv.INTERVAL, 864000),
        }
        for text_form, (kind, value) in examples.items():
            wanted = ttlv.Item(0x420020, kind, value)
            self.assertEqual(ttlv.decode(bytes.fromhex(text_form)), wanted)
            self.assertEqual(ttlv.encode(wanted).hex().upper(), text_form)

    def test_malformed_bytes(self):
        bad = {
            "cut": "42002002000000040000", "padding": "42002002000000040000000800000001",
            "length": "42002002000000080000000800000000", "type": "4200200B0000000000",
            "boolean": "42002006000000080000000000000002",
            "behind": "4200200200000004000000080000000000",
            "text": "4200200700000001FF00000000000000",
            "big integer": "42002004000000040000000100000000",
            "inside": "420020010000000442002002",
        }
        for name, data in bad.items():
            with self.subTest(name), self.assertRaises(ttlv.Malformed):
                ttlv.decode(bytes.fromhex(data))

    def test_lines_for_people(self):
        whole = exchange(request_item("Create", attribute(
            "Cryptographic Usage Mask", "Integer", "Encrypt Decrypt")), success_item("Create"))
        shown = "\n".join(ttlv.lines(whole.request))
        self.assertIn("Operation = Create", shown)
        self.assertIn("Attribute Value = Encrypt Decrypt", shown)


class NamesTest(unittest.TestCase):
    """The names of the specification in the spelling of the XML form."""

    def test_tags(self):
        self.assertEqual(names.tag_number("UniqueBatchItemID"), 0x420093)
        self.assertEqual(names.tag_number("IVCounterNonce"), 0x42003D)
        self.assertEqual(names.tag_name(0x420125), "0x420125")
        self.assertEqual(len(names.TAGS), 0x124)

    def test_enumerations(self):
        spellings = {
            ("Cryptographic Algorithm", "DES3"): 2, ("State", "PreActive"): 1,
            ("Key Format Type", "X_509"): 5, ("Hashing Algorithm", "SHA_256"): 6,
            ("Digital Signature Algorithm", "SHA_256WithRSAEncryption"): 5,
            ("Split Key Method", "PolynomialSharingGF2_8"): 4,
            ("Link Type", "ReplacedObjectLink"): 0x107,
            ("Result Reason", "GeneralFailure"): 0x100,
            ("Opaque Data Type", "0x80000001"): 0x80000001,
        }
        for (field, name), value in spellings.items():
            self.assertEqual(names.enumeration_value(field, name), value)
        with self.assertRaises(KeyError):
            names.enumeration_value("State", "Asleep")

    def test_masks(self):
        self.assertEqual(names.mask_value("Cryptographic Usage Mask", "WrapKey  Sign 0x4"), 21)
        self.assertEqual(names.mask_value("Storage Status Mask", "OnLineStorage"), 1)
        self.assertEqual(names.mask_name("Cryptographic Usage Mask", 12), "Encrypt Decrypt")


class CaseTest(unittest.TestCase):
    """The reading of test cases."""

    def test_stray_text_and_labels(self):
        pair = message("Request", 1, request_item("Query")), message(
            "Response", 1, success_item("Query"))
        case = cases.parse_case("x", "<KMIP># TIME 0\n# [Client-A]\n%s 0018 0019 %s# TIME 1\n"
                                "# [Client-B]\n%s%s# TIME 2 %s%s</KMIP>" % (pair * 3))
        self.assertEqual([one.label for one in case.exchanges],
                         ["Client-A", "Client-B", "Client-B"])
        self.assertEqual(case.version(), "1.1")

    def test_expressions(self):
        for source, value in (("$NOW", cases.Moment(0)), ("$NOW-3600", cases.Moment(-3600)),
                              ("1970-01-01T01:00:06+01:00", 6), ("42", 42)):
            self.assertEqual(cases.parse_value(ttlv.DATE_TIME, source, "Initial Date"), value)
        found = cases.parse_value(ttlv.BYTE_STRING, "$DATA_0", "Data")
        self.assertEqual(found, cases.Variable("DATA_0"))

    def test_values(self):
        self.assertEqual(cases.parse_value(ttlv.TEXT_STRING, "Archive   Date", "x"), "Archive Date")
        self.assertEqual(cases.parse_value(ttlv.BIG_INTEGER, "ff00", "Q"), -256)
        for kind, source in ((ttlv.INTEGER, "one"), (ttlv.BYTE_STRING, "123"),
                             (ttlv.BOOLEAN, "maybe"), (ttlv.DATE_TIME, "today"),
                             (ttlv.ENUMERATION, "Nonsense")):
            with self.subTest(source), self.assertRaises(cases.BadCase):
                cases.parse_value(kind, source, "State")

    def test_enumeration_of_an_attribute(self):
        one = exchange(request_item("Locate", attribute("State", "Enumeration", "Active")),
                       success_item("Locate"))
        found = [part.value for part in one.request.walk() if part.tag == ttlv.ATTRIBUTE_VALUE]
        self.assertEqual(found, [2])

    def test_tag_by_number(self):
        unknown = '<TTLV tag="0x540001" type="TextString" value="na"/>'
        one = exchange(request_item("Locate", unknown), success_item("Locate"))
        self.assertIn(0x540001, [part.tag for part in one.request.walk()])

    def test_bad_cases(self):
        request = message("Request", 1, request_item("Query"))
        for source in ("<KMIP>", "<KMIP/>", "<KMIP>%s</KMIP>" % request,
                       "<KMIP>%s%s</KMIP>" % (request, request),
                       "<KMIP><Nonsense/><Nonsense/></KMIP>"):
            with self.subTest(source), self.assertRaises(cases.BadCase):
                cases.parse_case("x", source)


class TableTest(unittest.TestCase):
    """The tables of refusals and errata."""

    CASE = parse(message("Request", 1, request_item("Query")),
                 message("Response", 1, success_item("Query")), name="TC_81_11_Create")

    def test_reason(self):
        for line, found in (("* TC_81_* | why", "why"), ("1.1 TC_81_* | why", "why"),
                            ("1.0 TC_81_* | why", None), ("* TC_8_* | why", None),
                            ("# * * | why", None)):
            self.assertEqual(table.reason(table.parse_table(line, 1), self.CASE), found)

    def test_bad_lines(self):
        for line in ("* TC_81_*", "TC_81_* | why"):
            with self.assertRaises(table.BadTable):
                table.parse_table(line, 1)

    def test_files_of_the_folder(self):
        here = pathlib.Path(__file__).resolve().parent
        self.assertTrue(table.read_table(here / "refusals.txt", 1))
        self.assertTrue(table.read_table(here / "errata.txt", errata.WIDTH))
        self.assertEqual(cases.read_case(here / "preparations/TC_151.xml").version(), "1.1")

    def test_errata(self):
        case = parse(
            message("Request", 1, request_item("Get")),
            message("Response", 1, success_item("Get", attribute(
                "Activation Date", "DateTime", "$NOW"))), name="TC_9_x")
        rows = table.parse_table("* TC_9_* | response 1 | Activation Date | $NOW+120 | stale",
                                 errata.WIDTH)
        self.assertEqual(errata.apply(rows, case), ["stale"])
        found = [part.value for part in case.exchanges[0].response.walk()
                 if part.tag == ttlv.ATTRIBUTE_VALUE]
        self.assertEqual(found, [cases.Moment(120)])

    def test_useless_erratum(self):
        rows = table.parse_table("* TC_* | request 1 | Lease Time | 1 | none there", errata.WIDTH)
        with self.assertRaises(errata.UselessErratum):
            errata.apply(rows, self.CASE)


class ClockTest(unittest.TestCase):
    """Dates relative to the time of the server."""

    def test_dates(self):
        clock = new_clock(near=7)
        self.assertEqual(clock.date(cases.Moment(-3600)), NOW - 3600)
        self.assertEqual(clock.date(cases.Moment(120)), NOW + 7)

    def test_time_of_the_server(self):
        clock = new_clock()
        clock.observe(NOW - 1)
        self.assertEqual(clock.now(), NOW)
        clock.observe(NOW - 500)
        self.assertEqual(clock.now(), NOW - 500)

    def test_tolerance(self):
        clock = new_clock(tolerance=5)
        self.assertTrue(clock.is_moment(NOW + 5, cases.Moment(0)))
        self.assertFalse(clock.is_moment(NOW + 6, cases.Moment(0)))
        self.assertTrue(clock.is_since_start(NOW - 5))
        self.assertFalse(clock.is_since_start(NOW - 6))
        self.assertFalse(clock.is_since_start(NOW + 6))


class RulesTest(unittest.TestCase):
    """Each rule for a value, with an example and a counterexample."""

    def setUp(self):
        self.scene = scenes.Scene(new_clock())

    def same(self, field, expected, got, kind=ttlv.TEXT_STRING, owner="key"):
        return rules.same(rules.Value(field, expected, got, kind, owner), self.scene)

    def test_free(self):
        self.assertTrue(self.same("Result Message", "No", "Not so"))
        self.assertTrue(self.same("Vendor Identification", "a", "b"))
        self.assertTrue(self.same("Lease Time", 3600, 16, ttlv.INTERVAL))
        self.assertTrue(self.same("Time Stamp", 1, NOW, ttlv.DATE_TIME))
        self.assertFalse(self.same("Extension Name", "a", "b"))

    def test_variable(self):
        one, two = cases.Variable("UNIQUE_IDENTIFIER_0"), cases.Variable("UNIQUE_IDENTIFIER_1")
        self.assertTrue(self.same("Unique Identifier", one, "a"))
        self.assertTrue(self.same("Linked Object Identifier", one, "a"))
        self.assertFalse(self.same("Unique Identifier", one, "b"))
        self.assertFalse(self.same("Unique Identifier", two, "a"))
        self.assertFalse(self.same("Unique Identifier", two, ""))
        self.assertTrue(self.same("Unique Identifier", two, "b"))

    def test_moment(self):
        moment = cases.Moment(0)
        self.assertTrue(self.same("Activation Date", moment, NOW + 3, ttlv.DATE_TIME))
        self.assertFalse(self.same("Activation Date", moment, NOW + 30, ttlv.DATE_TIME))
        self.scene.sent_moments["Activation Date", moment] = NOW
        self.assertTrue(self.same("Activation Date", moment, NOW, ttlv.DATE_TIME))
        self.assertFalse(self.same("Activation Date", moment, NOW + 1, ttlv.DATE_TIME))

    def test_date(self):
        self.assertTrue(self.same("Initial Date", 6, NOW, ttlv.DATE_TIME))
        self.assertFalse(self.same("Initial Date", 6, 6, ttlv.DATE_TIME))
        self.assertFalse(self.same("Initial Date", 6, NOW + 60, ttlv.DATE_TIME))
        self.scene.sent_dates.add(("Activation Date", 6))
        self.assertTrue(self.same("Activation Date", 6, 6, ttlv.DATE_TIME))
        self.assertFalse(self.same("Activation Date", 6, NOW, ttlv.DATE_TIME))

    def test_nonce(self):
        self.assertTrue(self.same("Nonce Value", b"123", b"abc", ttlv.BYTE_STRING))
        self.assertFalse(self.same("Nonce Value", b"123", b"ab", ttlv.BYTE_STRING))

    def test_secret_of_a_generated_key(self):
        for field in ("Key Material", "Digest Value"):
            self.assertTrue(self.same(field, b"1" * 16, b"x" * 16, ttlv.BYTE_STRING))
            self.assertFalse(self.same(field, b"2" * 16, b"x" * 15, ttlv.BYTE_STRING))
            self.assertFalse(self.same(field, b"1" * 16, b"y" * 16, ttlv.BYTE_STRING))

    def test_secret_of_a_registered_key(self):
        self.scene.registered.add("key")
        self.assertTrue(self.same("Key Material", b"1234", b"1234", ttlv.BYTE_STRING))
        self.assertFalse(self.same("Key Material", b"1234", b"abcd", ttlv.BYTE_STRING))
        self.assertFalse(self.same("Key Value", b"1234", b"abcd", ttlv.BYTE_STRING))

    def test_equal(self):
        self.assertTrue(self.same("Cryptographic Length", 128, 128, ttlv.INTEGER))
        self.assertFalse(self.same("Cryptographic Length", 128, 256, ttlv.INTEGER))


class ListsTest(unittest.TestCase):
    """Each rule for a list, with an example and a counterexample."""

    def attributes(self, expected, got, named=False, version=(1, 2), sent=()):
        keys = [[name if isinstance(name, tuple) else (name, 0) for name in side]
                for side in (expected, got)]
        return list(lists.attribute_set("", *keys, named, version, set(sent)))

    def test_attributes_in_any_order(self):
        self.assertFalse(self.attributes(["Name", "State"], ["State", "Name"]))
        self.assertTrue(self.attributes(["Name", "State"], ["State"]))
        self.assertTrue(self.attributes(["Name"], ["Name", "Name"]))
        self.assertTrue(self.attributes([("Name", 0)], [("Name", 1)]))

    def test_attributes_a_server_may_add(self):
        more = ["Name", "Original Creation Date"]
        self.assertFalse(self.attributes(["Name"], more))
        self.assertTrue(self.attributes(["Name"], more, version=(1, 1)))
        self.assertTrue(self.attributes(["Name"], more, named=True))
        self.assertTrue(self.attributes(["Name"], ["Name", "Activation Date"]))
        self.assertTrue(self.attributes([], ["Fresh"], version=(1, 0)))
        self.assertTrue(self.attributes([], ["Sensitive"], version=(1, 3)))

    def test_attributes_a_server_may_lack(self):
        self.assertFalse(self.attributes(["Object Group"], []))
        self.assertTrue(self.attributes(["Object Group"], [], sent=["Object Group"]))
        self.assertTrue(self.attributes(["Object Group"], [], named=True))
        self.assertTrue(self.attributes(["Lease Time"], []))

    def versions(self, expected, got, asked=False):
        return list(lists.versions("", expected, got, asked))

    def test_versions(self):
        older = [(1, 1), (1, 0)]
        self.assertFalse(self.versions(older, [(1, 4), (1, 1), (1, 0)]))
        self.assertTrue(self.versions(older, [(1, 4), (1, 1), (1, 0)], asked=True))
        self.assertTrue(self.versions(older, [(1, 0), (1, 1)]))
        self.assertTrue(self.versions(older, [(1, 1), (1, 1), (1, 0)]))
        self.assertTrue(self.versions(older, [(1, 1)]))
        self.assertFalse(self.versions([], [], asked=True))

    @staticmethod
    def operations(*found):
        return [item("Operation", ttlv.ENUMERATION, names.enumeration_value("Operation", name))
                for name in found]

    def query(self, got, *functions, version=(1, 1)):
        return list(lists.query("", got, functions, version))

    def test_query_operations(self):
        function, good = "Query Operations", ("Query", "Discover Versions", "Get")
        self.assertFalse(self.query(self.operations(*good), function))
        self.assertTrue(self.query([], function))
        self.assertTrue(self.query(self.operations("Query", "Get"), function))
        self.assertFalse(self.query(self.operations("Query", "Get"), function, version=(1, 0)))
        self.assertTrue(self.query(self.operations(*good, "Get"), function))
        self.assertTrue(self.query(self.operations(*good, "Encrypt"), function))
        self.assertFalse(self.query(self.operations(*good, "Encrypt"), function, version=(1, 2)))

    def test_query_objects(self):
        found = [item("Object Type", ttlv.ENUMERATION, number) for number in (2, 7)]
        self.assertFalse(self.query(found, "Query Objects"))
        self.assertTrue(self.query(found, "Query Extension List"))
        self.assertTrue(self.query(found[:1] * 2, "Query Objects"))
        self.assertTrue(self.query([item("Object Type", ttlv.ENUMERATION, 9)], "Query Objects"))

    def test_query_server(self):
        vendor, more = text("Vendor Identification", "x"), structure("Server Information")
        self.assertFalse(self.query([vendor], "Query Server Information"))
        self.assertFalse(self.query([vendor, more], "Query Server Information"))
        self.assertTrue(self.query([more, vendor], "Query Server Information"))
        self.assertTrue(self.query([], "Query Server Information"))
        self.assertTrue(self.query([vendor, vendor], "Query Server Information"))

    def test_query_extensions(self):
        self.assertFalse(self.query([], "Query Extension Map"))
        found = [structure("Extension Information")]
        self.assertFalse(self.query(found, "Query Extension List"))
        self.assertTrue(self.query(found, "Query Application Namespaces"))


class ComparisonTest(unittest.TestCase):
    """Whole answers."""

    def differences(self, request, expected, got, version=2):
        pair = exchange(request, expected, version)
        answer = exchange(request, got, version).response
        scene = scenes.Scene(new_clock())
        return comparison.compare(pair.response, answer, scene.resolve(pair.request, True), scene)

    def check(self, request, expected, right, wrong, version=2):
        self.assertEqual(self.differences(request, expected, right, version), [])
        self.assertTrue(self.differences(request, expected, wrong, version))

    def test_status_and_reason(self):
        failed = failed_item("Get", "ItemNotFound")
        self.check(request_item("Get"), failed, failed_item("Get", "ItemNotFound", "else"),
                   failed_item("Get", "PermissionDenied"))
        found = self.differences(request_item("Get"), success_item("Get"), failed)
        self.assertEqual([str(one) for one in found],
                         ["item: expected Success, got Operation Failed, Item Not Found, 'no'"])

    def test_result_message_may_be_absent(self):
        failed = failed_item("Get", "ItemNotFound")
        bare = failed.replace('<ResultMessage type="TextString" value="no"/>', "")
        self.check(request_item("Get"), failed, bare, success_item("Get"))
        self.check(request_item("Get"), bare, failed, success_item("Get"))

    def test_payload_must_be_there(self):
        bare = success_item("Locate").replace("<ResponsePayload></ResponsePayload>", "")
        self.check(request_item("Locate"), success_item("Locate"), success_item("Locate"), bare)

    def test_items_in_order(self):
        kind = '<ObjectType type="Enumeration" value="SymmetricKey"/>'
        right, wrong = kind + identifier("a"), identifier("a") + kind
        self.check(request_item("Create"), success_item("Create", kind + identifier()),
                   success_item("Create", right), success_item("Create", wrong))

    def test_missing_and_unexpected_items(self):
        found = self.differences(request_item("Locate"), success_item("Locate", identifier()),
                                 success_item("Locate", identifier("a") + identifier("b")))
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0].expected, "nothing")

    def test_located_items(self):
        more = '<LocatedItems type="Integer" value="0"/>'
        pair = request_item("Locate"), success_item("Locate"), success_item("Locate", more)
        self.assertEqual(self.differences(*pair, version=3), [])
        self.assertTrue(self.differences(*pair, version=2))

    def test_type_of_a_value(self):
        wanted = attribute("x-number", "Integer", "1")
        self.check(request_item("AddAttribute"), success_item("AddAttribute", wanted),
                   success_item("AddAttribute", wanted),
                   success_item("AddAttribute", attribute("x-number", "LongInteger", "1")))

    def test_attribute_index(self):
        wanted = attribute("Contact Information", "TextString", "Joe")
        right = attribute("Contact Information", "TextString", "Joe", 0)
        wrong = attribute("Contact Information", "TextString", "Joe", 1)
        for operation in ("ModifyAttribute", "GetAttributes"):
            self.check(request_item(operation), success_item(operation, wanted),
                       success_item(operation, right), success_item(operation, wrong))

    def test_get_attributes(self):
        name = attribute("x-name", "TextString", "a")
        state = attribute("State", "Enumeration", "Active")
        self.check(request_item("GetAttributes"), success_item("GetAttributes", name + state),
                   success_item("GetAttributes", state + name),
                   success_item("GetAttributes", state))
        self.check(request_item("GetAttributes"), success_item("GetAttributes", state),
                   success_item("GetAttributes", state),
                   success_item("GetAttributes", state.replace("Active", "PreActive")))

    def test_get_named_attributes(self):
        state = attribute("State", "Enumeration", "Active")
        extra = attribute("Fresh", "Boolean", "true")
        answer = success_item("GetAttributes", state + extra)
        wanted = success_item("GetAttributes", state)
        self.assertEqual(self.differences(request_item("GetAttributes"), wanted, answer), [])
        named = request_item("GetAttributes", asked_names("State", "Fresh"))
        self.assertTrue(self.differences(named, wanted, answer))

    def test_get_attribute_list(self):
        self.check(request_item("GetAttributeList"),
                   success_item("GetAttributeList", identifier() + asked_names("Name", "State")),
                   success_item("GetAttributeList", identifier("a") + asked_names(
                       "Fresh", "State", "Name")),
                   success_item("GetAttributeList", identifier("a") + asked_names("Name")))

    def test_query_and_versions(self):
        function = '<QueryFunction type="Enumeration" value="QueryObjects"/>'
        kinds = ['<ObjectType type="Enumeration" value="%s"/>' % kind
                 for kind in ("Certificate", "SymmetricKey")]
        self.check(request_item("Query", function), success_item("Query", kinds[0]),
                   success_item("Query", kinds[1]), success_item("Query", kinds[1] * 2))
        version = """<ProtocolVersion><ProtocolVersionMajor type="Integer" value="1"/>
            <ProtocolVersionMinor type="Integer" value="%d"/></ProtocolVersion>"""
        self.check(request_item("DiscoverVersions"),
                   success_item("DiscoverVersions", version % 0),
                   success_item("DiscoverVersions", version % 1 + version % 0),
                   success_item("DiscoverVersions", version % 0 + version % 1))

    def test_server_information(self):
        function = '<QueryFunction type="Enumeration" value="QueryServerInformation"/>'
        vendor = '<VendorIdentification type="TextString" value="v"/>'
        more = "<ServerInformation>%s</ServerInformation>" % identifier("s")
        self.check(request_item("Query", function),
                   success_item("Query", vendor + "<ServerInformation/>"),
                   success_item("Query", vendor + more), success_item("Query", more))

    def test_protocol_version(self):
        pair = exchange(request_item("Get"), success_item("Get"), 2)
        other = exchange(request_item("Get"), success_item("Get"), 1)
        scene = scenes.Scene(new_clock())
        found = comparison.compare(pair.response, other.response, pair.request, scene)
        self.assertEqual([one.path for one in found],
                         ["Response Header/Protocol Version/Protocol Version Minor"])


class WellformedTest(unittest.TestCase):
    """The form of answers."""

    def problems(self, answer):
        pair = exchange(request_item("Get"), success_item("Get"))
        return list(wellformed.problems(pair.request, answer))

    def test_form(self):
        good = exchange(request_item("Get"), success_item("Get"))
        self.assertEqual(self.problems(good.response), [])
        self.assertTrue(self.problems(good.request))
        good.response.value.append(good.response.value[-1])
        self.assertTrue(self.problems(good.response))

    def test_parts(self):
        for part in ("Response Header", "Batch Item"):
            answer = exchange(request_item("Get"), success_item("Get")).response
            answer.value.remove(answer.find(part))
            self.assertTrue(self.problems(answer))
        for part in ("Result Status", "Result Reason"):
            answer = exchange(request_item("Get"), failed_item("Get", "ItemNotFound")).response
            inside = answer.find("Batch Item")
            inside.value.remove(inside.find(part))
            self.assertTrue(self.problems(answer))

    def test_types(self):
        answer = exchange(request_item("Get"), success_item("Get")).response
        answer.find("Batch Item").value.append(item("Unique Identifier", ttlv.INTEGER, 1))
        self.assertEqual(self.problems(answer), ["Unique Identifier is a Integer"])


class FakeClients:
    """A server which answers with prepared messages, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def ask(self, _label, request):
        self.asked.append(ttlv.decode(ttlv.encode(request)))
        if not self.answers:
            raise wire.Broken("closed")
        return self.answers.pop(0)

    def close(self):
        pass


def answer_to(*batch_items, version=2):
    return parse(message("Request", version, request_item("Get")),
                 message("Response", version, *batch_items)).exchanges[0].response


def operations(asked):
    return [scenes.operation_of(one.find("Batch Item")) for one in asked]


class PlayerTest(unittest.TestCase):
    """The playing of cases against prepared answers."""

    CREATED = '<ObjectType type="Enumeration" value="SymmetricKey"/>' + identifier()

    def create_and_destroy(self):
        return parse(
            message("Request", 2, request_item("Create")),
            message("Response", 2, success_item("Create", self.CREATED)),
            message("Request", 2, request_item("Destroy", identifier())),
            message("Response", 2, success_item("Destroy", identifier())))

    def play(self, case, *answers, method="play"):
        clients = FakeClients(*answers)
        player = players.Player(clients, new_clock())
        return getattr(player, method)(case), clients.asked

    def created(self, name="k"):
        return answer_to(success_item("Create", self.CREATED.replace("$UNIQUE_IDENTIFIER_0", name)))

    def test_success(self):
        done = answer_to(success_item("Destroy", identifier("k")))
        result, asked = self.play(self.create_and_destroy(), self.created(), done)
        self.assertEqual((result.problems, result.exchanges), ([], 2))
        self.assertEqual(asked[1].find("Batch Item").find("Request Payload").get(
            "Unique Identifier"), "k")

    def test_failure_is_cleaned_up(self):
        done = answer_to(success_item("Destroy", identifier("other")))
        result, asked = self.play(self.create_and_destroy(), self.created(), done, done, done, done)
        self.assertEqual(len(result.problems), 1)
        self.assertIn("exchange 2 (Destroy)", result.problems[0])
        self.assertEqual(operations(asked[2:]), ["Recover", "Revoke", "Destroy"])

    def test_unbound_variable(self):
        failed = answer_to(failed_item("Create", "Sensitive"))
        result, _ = self.play(self.create_and_destroy(), failed)
        self.assertIn("Unbound", result.problems[-1])

    def test_broken_connection(self):
        result, _ = self.play(self.create_and_destroy())
        self.assertEqual(result.problems, ["Broken: closed"])

    def test_preparation(self):
        done = answer_to(success_item("Destroy", identifier("k")))
        clients = FakeClients(self.created("p"), self.created("k"), done)
        preparation = self.create_and_destroy()
        del preparation.exchanges[1:]
        result = players.Player(clients, new_clock()).play(self.create_and_destroy(), preparation)
        self.assertEqual((result.problems, result.exchanges), ([], 3))

    def archive(self, poll="Poll"):
        payload = '<AsynchronousCorrelationValue type="ByteString" value="$CORRELATION"/>'
        return parse(
            message("Request", 2, request_item("Archive", identifier("k"))),
            message("Response", 2, pending_item("Archive")),
            message("Request", 2, request_item(poll, payload)),
            message("Response", 2, success_item("Archive", identifier("k"))))

    def test_synchronous_answer(self):
        done = answer_to(success_item("Archive", identifier("k")))
        result, asked = self.play(self.archive(), done)
        self.assertEqual((result.problems, len(asked)), ([], 1))
        wrong = answer_to(success_item("Archive", identifier("l")))
        self.assertTrue(self.play(self.archive(), wrong)[0].problems)
        self.assertTrue(self.play(self.archive("Cancel"), done)[0].problems)

    def test_asynchronous_answer(self):
        pending = answer_to(pending_item("Archive").replace("$CORRELATION", "01"))
        done = answer_to(success_item("Archive", identifier("k")))
        result, asked = self.play(self.archive(), pending, done)
        self.assertEqual((result.problems, len(asked)), ([], 2))

    def states(self, operation="GetAttributes"):
        pairs = []
        for state in ("Active", "Deactivated"):
            pairs.append(message("Request", 2, request_item(operation)))
            pairs.append(message("Response", 2, success_item(
                operation, attribute("State", "Enumeration", state))))
        return parse(*pairs)

    def test_repetition(self):
        players._PAUSE = 0
        active, deactivated = (one.response for one in self.states().exchanges)
        result, asked = self.play(self.states(), active, active, active, deactivated)
        self.assertEqual((result.problems, len(asked)), ([], 4))
        active, deactivated = (one.response for one in self.states("ModifyAttribute").exchanges)
        result, _ = self.play(self.states("ModifyAttribute"), active, active, deactivated)
        self.assertTrue(result.problems)

    def test_survival(self):
        refused = answer_to(failed_item("Create", "OperationNotSupported"))
        case = self.create_and_destroy()
        result, _ = self.play(case, refused, refused, method="survive")
        self.assertEqual(result.problems, [])
        result, _ = self.play(case, refused, method="survive")
        self.assertEqual(result.problems, ["Broken: closed"])
        shapeless = answer_to(failed_item("Create", "OperationNotSupported"))
        shapeless.value.pop()
        result, _ = self.play(case, shapeless, refused, method="survive")
        self.assertTrue(result.problems)

    def test_messages_of_the_server_are_not_sent(self):
        case = self.create_and_destroy()
        case.exchanges[0].label = cases.SERVER_LABEL
        refused = answer_to(failed_item("Destroy", "ItemNotFound"))
        _, asked = self.play(case, refused, method="survive")
        self.assertEqual(operations(asked), ["Destroy"])

    def test_objects_of_a_refused_case_are_destroyed(self):
        done = answer_to(success_item("Destroy", identifier("k")))
        result, asked = self.play(self.create_and_destroy(), self.created(), *[done] * 4,
                                  method="survive")
        self.assertEqual(result.problems, [])
        self.assertEqual(operations(asked[2:]), ["Recover", "Revoke", "Destroy"])


class SceneTest(unittest.TestCase):
    """What a case remembers of its requests and answers."""

    def test_resolve(self):
        scene = scenes.Scene(new_clock())
        one = exchange(request_item("Register", identifier() + attribute(
            "Activation Date", "DateTime", "$NOW-3600") + attribute(
                "Initial Date", "DateTime", "6")), success_item("Register"))
        with self.assertRaises(scenes.Unbound):
            scene.resolve(one.request)
        scene.variables["UNIQUE_IDENTIFIER_0"] = "k"
        payload = scene.resolve(one.request).find("Batch Item").find("Request Payload")
        self.assertEqual(payload.get("Unique Identifier"), "k")
        self.assertEqual(scene.sent_moments, {("Activation Date", cases.Moment(-3600)): NOW - 3600})
        self.assertEqual(scene.sent_dates, {("Initial Date", 6)})
        self.assertEqual(scene.sent_attributes, {"Activation Date", "Initial Date"})

    def test_learn(self):
        scene = scenes.Scene(new_clock())
        scene.learn(answer_to(success_item("Register", identifier("r")),
                              success_item("Create", identifier("c")),
                              failed_item("Create", "Sensitive"),
                              success_item("Locate", identifier("l"))))
        self.assertEqual(scene.created, ["r", "c"])
        self.assertEqual(scene.registered, {"r"})


class WireTest(unittest.TestCase):
    """Connections, with a TLS context that leaves the bytes as they are."""

    PLAIN = types.SimpleNamespace(wrap_socket=lambda plain, server_hostname: plain)

    def serve(self, data, pieces=1):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def answer():
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                step = max(1, -(-len(data) // pieces))
                for start in range(0, len(data), step):
                    peer.sendall(data[start:start + step])

        thread = threading.Thread(target=answer)
        thread.start()
        self.addCleanup(thread.join)
        connection = wire.Connection(listener.getsockname(), self.PLAIN, 5)
        self.addCleanup(connection.close)
        return connection

    def test_answer_in_pieces(self):
        answer = answer_to(success_item("Get"))
        self.assertEqual(self.serve(ttlv.encode(answer), 7).ask(answer), answer)

    def test_broken_answers(self):
        whole = ttlv.encode(answer_to(success_item("Get")))
        for data in (b"", whole[:20], b"\x42\0\x7b\1\xff\xff\xff\xff", b"HTTP/1.1\0\0\0\0"):
            with self.subTest(data), self.assertRaises(wire.Broken):
                self.serve(data).ask(answer_to(success_item("Get")))

    def test_no_server(self):
        listener = socket.create_server(("127.0.0.1", 0))
        address = listener.getsockname()
        listener.close()
        with self.assertRaises(wire.Broken):
            wire.Connection(address, self.PLAIN, 5)

    def test_sender(self):
        request = exchange(request_item("Get"), success_item("Get")).request
        self.assertEqual(wire.sender(request), "")
        header = request.find("Request Header")
        header.value.append(structure("Authentication", structure("Credential", structure(
            "Credential Value", text("Username", "Fred"), text("Password", "x")))))
        self.assertEqual(wire.sender(request), "Fred")


class ReplayTest(unittest.TestCase):
    """A run over a folder."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        pair = (message("Request", 1, request_item("Locate")),
                message("Response", 1, success_item("Locate")))
        for name in ("A", "B", "C"):
            self.folder.joinpath(name + ".xml").write_text("<KMIP>%s%s</KMIP>" % pair)
        self.folder.joinpath("D.xml").write_text("<KMIP>")

    def run_folder(self, with_refused, *answers, substring=""):
        player = players.Player(FakeClients(*answers), new_clock())
        run = replay.Replay(player, table.parse_table("* C | not ours", 1), [], [], with_refused)
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            run.folder(self.folder, substring)
        return run.tally, shown.getvalue()

    def test_counts(self):
        good, bad = answer_to(success_item("Locate"), version=1), answer_to(
            failed_item("Locate", "GeneralFailure"), version=1)
        tally, shown = self.run_folder(False, good, bad)
        self.assertEqual((tally.passed, tally.failed, tally.skipped), (["A"], ["B", "D"], ["C"]))
        self.assertIn("skipped C: not ours", shown)
        self.assertIn("in this folder: 1 passed, 2 failed, 1 skipped", shown)

    def test_refused(self):
        bad = answer_to(failed_item("Locate", "GeneralFailure"), version=1)
        tally, _ = self.run_folder(True, bad, substring="C")
        self.assertEqual(tally.counts(), (0, 0, 1))
        tally, _ = self.run_folder(True, substring="C")
        self.assertEqual(tally.counts(), (0, 1, 0))

    def test_arguments(self):
        common = ["f", "--cert", "c", "--key", "k", "--connect"]
        arguments = replay._arguments(common + ["[::1]:5696", "--identity", "Fred=a,b"])
        self.assertEqual(arguments.connect, ("::1", 5696))
        self.assertEqual(arguments.identity, [("Fred", "a", "b")])
        for wrong in (["nohost"], ["h:1", "--identity", "Fred"]):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                replay._arguments(common + wrong)


if __name__ == "__main__":
    unittest.main()
