#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py: writes the fuzz targets' first inputs into tests/fuzz/corpus/TARGET/seed-*; older seeds go.

Requests come from tests/vectors/*.txt and from the stories below; everything else is made here. The result is the same
every time, but for certificates and keys, which openssl makes when there are none yet.
"""
import base64
import pathlib
import re
import struct
import subprocess
import zlib

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
CORPUS = HERE / "corpus"
KINDS = {"i": 2, "l": 3, "n": 4, "e": 5, "b": 6, "t": 7, "x": 8, "d": 9, "v": 10}
SEED_MAX = 4096


def tags():
    """Names as tests/support/ttlv_text.h spells them."""
    numbers = {}
    header = (TOP / "src/kmip/tag.h").read_text()
    for name, number in re.findall(r"(TAG_\w+) = (0x\w+)", header):
        numbers[name] = int(number, 16)
    found = {}
    for name, text in re.findall(r'\{(TAG_\w+), \d, "([^"]*)"\}', (TOP / "src/kmip/tag.c").read_text()):
        found[re.sub(r"[^A-Za-z0-9]", "", text)] = numbers[name]
    return found


TAGS = tags()
WORD = re.compile(r'#([0-9a-fA-F]*)|(\})|([\w]+)(?:(\{)|=([a-z]):("(?:[^"\\]|\\.)*"|[^\s}]*))')


def unquote(text):
    def one(match):
        return bytes([int(match[1], 16)]) if match[1] else match[2]
    return re.sub(rb'\\(?:x([0-9a-fA-F]{2})|(.))', one, text.encode()[1:-1], flags=re.S)


def value_of(kind, text):
    if kind in "iev":
        return struct.pack(">I", int(text, 0) & 0xFFFFFFFF)
    if kind in "lbd":
        return struct.pack(">Q", int(text, 0) & 0xFFFFFFFFFFFFFFFF)
    return unquote(text) if kind == "t" else bytes.fromhex(text)


def item(tag, kind, value):
    return struct.pack(">I", tag << 8 | kind) + struct.pack(">I", len(value)) + value + b"\0" * (-len(value) % 8)


def assemble(text):
    stack = [[None, b""]]
    for raw, close, name, opened, kind, value in WORD.findall(text):
        if close:
            tag, content = stack.pop()
            # Lengths count what is inside, also when it was malformed on purpose.
            stack[-1][1] += struct.pack(">II", tag << 8 | 1, len(content)) + content
        elif not name:
            stack[-1][1] += bytes.fromhex(raw)
        else:
            tag = TAGS[name] if name in TAGS else int(name, 16)
            if opened:
                stack.append([tag, b""])
            else:
                stack[-1][1] += item(tag, KINDS[kind], value_of(kind, value))
    assert len(stack) == 1, text
    return stack[0][1]


def stand_in(match):
    return '=t:"00000000-0000-4000-8000-0000000000%02d"' % (int(match[1]) - 1)


def stories_of(path):
    """(title, requests) of a file of vectors."""
    meanings, stories, pending = {}, [], None
    lines = path.read_text().splitlines() + [""]
    for line in lines:
        if line.startswith(" "):
            pending = pending and pending + line
            continue
        if pending:
            while "@" in pending:
                pending = re.sub(r"@([A-Z_0-9]+)", lambda m: meanings[m[1]], pending)
            stories[-1][1].append(re.sub(r"=\$(\d+)", stand_in, pending[1:]))
            pending = None
        if line.startswith("define "):
            name, meaning = line[7:].split(" ", 1)
            meanings[name] = meaning
        elif line.startswith("== "):
            stories.append((line[3:], []))
        elif line.startswith(">"):
            pending = line
    return stories


def request(minor, *items, options=""):
    text = "RequestMessage{ RequestHeader{ ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:%d } %s BatchCount=i:%d } " \
        % (minor, options, len(items))
    for number, (operation, payload) in enumerate(items):
        text += "BatchItem{ Operation=e:%d %s RequestPayload{ %s } } " % (
            operation, "UniqueBatchItemID=x:%02x" % number if len(items) > 1 else "", payload)
    return text + "}"


def attribute(name, value):
    return 'Attribute{ AttributeName=t:"%s" AttributeValue%s }' % (name, value)


def create(*more, bits=256, algorithm=3, mask=12):
    return (1, "ObjectType=e:2 TemplateAttribute{ %s %s %s %s }" % (
        attribute("Cryptographic Algorithm", "=e:%d" % algorithm), attribute("Cryptographic Length", "=i:%d" % bits),
        attribute("Cryptographic Usage Mask", "=i:%d" % mask), " ".join(more)))


def uid(number):
    return 'UniqueIdentifier=t:"00000000-0000-4000-8000-0000000000%02d"' % number


NAME = attribute("Name", '{ NameValue=t:"one" NameType=e:1 }')
EVERY_ATTRIBUTE = [
    NAME,
    attribute("Cryptographic Parameters", "{ BlockCipherMode=e:13 HashingAlgorithm=e:6 }"),
    attribute("Operation Policy Name", '=t:"default"'),
    attribute("Usage Limits", "{ UsageLimitsTotal=l:10 UsageLimitsUnit=e:2 }"),
    attribute("Activation Date", "=d:1767225500"),
    attribute("Process Start Date", "=d:1767225600"),
    attribute("Protect Stop Date", "=d:1767225700"),
    attribute("Deactivation Date", "=d:1767225800"),
    attribute("Object Group", '=t:"group"'),
    attribute("Link", '{ LinkType=e:0x106 LinkedObjectIdentifier=t:"1" }'),
    attribute("Application Specific Information", '{ ApplicationNamespace=t:"ssl" ApplicationData=t:"www" }'),
    attribute("Contact Information", '=t:"me"'),
    attribute("x-Name", '=t:"vm"'), attribute("x-Name", '=t:"vm2"'), attribute("x-Flat", "{ 540001=i:1 }"),
]
LATER_ATTRIBUTES = [
    attribute("Fresh", "=b:1"),
    attribute("Alternative Name", '{ AlternativeNameValue=t:"a" AlternativeNameType=e:2 }'),
    attribute("Original Creation Date", "=d:1"),
    attribute("Random Number Generator", "{ RNGAlgorithm=e:1 }"),
    attribute("Description", '=t:"d"'), attribute("Comment", '=t:"c"'), attribute("Sensitive", "=b:1"),
    attribute("Extractable", "=b:0"),
]
KEY_BLOCK = "KeyBlock{ KeyFormatType=e:%d KeyValue%s %s }"
RAW = KEY_BLOCK % (1, "{ KeyMaterial=x:000102030405060708090a0b0c0d0e0f }", "CryptographicAlgorithm=e:3 CryptographicLength=i:128")
TRANSPARENT = KEY_BLOCK % (7, "{ KeyMaterial{ Key=x:0001020304050607 } %s }" % attribute("x-In", "=i:1"), "")
WRAPPED = KEY_BLOCK % (1, "=x:1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5",
                       'CryptographicAlgorithm=e:3 CryptographicLength=i:128 KeyWrappingData{ WrappingMethod=e:1 '
                       'EncryptionKeyInformation{ UniqueIdentifier=t:"1" } EncodingOption=e:1 }')
MASK = "TemplateAttribute{ %s }" % attribute("Cryptographic Usage Mask", "=i:28")


def register(object_type, content):
    return (3, "ObjectType=e:%d %s %s" % (object_type, MASK if object_type != 8 else "TemplateAttribute{ }", content))


def wrap(key, by, more=""):
    return (10, "%s %s KeyWrappingSpecification{ WrappingMethod=e:1 EncryptionKeyInformation{ %s "
            "CryptographicParameters{ BlockCipherMode=e:13 } } %s }" % (uid(key), more, uid(by), "EncodingOption=e:1"))


def more_stories():
    for minor in range(5):
        every = EVERY_ATTRIBUTE + (LATER_ATTRIBUTES[:1] if minor >= 1 else []) + (LATER_ATTRIBUTES[1:3] if minor >= 2 else []) + (
            LATER_ATTRIBUTES[3:] if minor >= 4 else [])
        yield "every attribute 1.%d" % minor, [
            request(minor, create(*every)), request(minor, (11, uid(0)), (12, uid(0)), (10, uid(0)), (9, uid(0)), options="BatchErrorContinuationOption=e:1"),
            request(4, (11, uid(0)))]
    yield "queries", [request(minor, (24, " ".join("QueryFunction=e:%d" % f for f in range(1, 13 if minor > 2 else 5)))) for minor in range(5)]
    yield "versions", [request(4, (30, "ProtocolVersion{ ProtocolVersionMajor=i:1 ProtocolVersionMinor=i:3 } "
                                   "ProtocolVersion{ ProtocolVersionMajor=i:2 ProtocolVersionMinor=i:0 }"))]
    yield "registered", [
        request(4, register(2, "SymmetricKey{ %s }" % RAW), register(2, "SymmetricKey{ %s }" % TRANSPARENT),
                register(2, "SymmetricKey{ %s }" % WRAPPED), register(7, "SecretData{ SecretDataType=e:1 %s }" % RAW),
                register(8, "OpaqueObject{ OpaqueDataType=e:0x80000001 OpaqueDataValue=x:0102 }")),
        request(4, *[(10, uid(n)) for n in range(5)], *[(10, uid(n) + " KeyFormatType=e:7") for n in range(5)], options="BatchErrorContinuationOption=e:1"),
        request(3, *[(11, uid(n)) for n in range(5)], options="BatchErrorContinuationOption=e:1")]
    yield "wrapped", [
        request(4, create(mask=0x3c), create(NAME)), request(4, (18, uid(0))), request(4, wrap(1, 0)), request(4, wrap(1, 0, "KeyWrapType=e:2")),
        request(4, wrap(0, 1)), request(1, wrap(1, 0))]
    yield "a batch that goes on", [
        request(2, create(), (18, ""), (13, attribute("x-a", '=t:"b"')), (13, attribute("x-a", '=t:"c"')),
                (14, 'Attribute{ AttributeName=t:"x-a" AttributeIndex=i:1 AttributeValue=t:"d" }'), (15, 'AttributeName=t:"x-a" AttributeIndex=i:0'),
                (11, ""), (19, "RevocationReason{ RevocationReasonCode=e:2 } CompromiseOccurrenceDate=d:5"), (20, ""), (10, ""),
                options="BatchErrorContinuationOption=e:1 BatchOrderOption=b:1")]
    yield "located", [
        request(4, create(NAME), create(attribute("Object Group", '=t:"group"'), attribute("Fresh", "=b:1")), create(bits=128)),
        request(4, (8, NAME), (8, "MaximumItems=i:1 OffsetItems=i:1 StorageStatusMask=i:3 %s" % attribute("Cryptographic Algorithm", "=e:3")),
                (8, "ObjectGroupMember=e:1 %s" % attribute("Object Group", '=t:"group"')), (8, attribute("Initial Date", "=d:1") + attribute("Initial Date", "=d:9999999999")),
                (8, attribute("Cryptographic Usage Mask", "=i:4")), (8, attribute("Unique Identifier", '=t:"1"')), (8, ""),
                options="BatchErrorContinuationOption=e:1"),
        request(0, (8, attribute("State", "=e:1")))]
    yield "re-keyed", [
        request(4, create(NAME, attribute("Activation Date", "=d:1"), attribute("Deactivation Date", "=d:9999999999"))),
        request(4, (4, uid(0) + " Offset=v:100")), request(4, (4, uid(1) + " TemplateAttribute{ %s }" % attribute("x-a", '=t:"b"'))),
        request(4, (11, uid(0)), (11, uid(1)), (11, uid(2)))]
    yield "usage", [
        request(4, create(attribute("Usage Limits", "{ UsageLimitsTotal=l:10 UsageLimitsUnit=e:1 }"), attribute("Activation Date", "=d:1"))),
        request(4, (17, uid(0) + " UsageLimitsCount=l:4"), (17, uid(0) + " UsageLimitsCount=l:7"), (9, uid(0) + " UsageLimitsCount=l:6 CryptographicUsageMask=i:4 LeaseTime=v:5"),
                (16, uid(0)), options="BatchErrorContinuationOption=e:1")]
    yield "archived", [request(1, create()), request(1, (21, uid(0))), request(1, (10, uid(0))), request(1, (8, "StorageStatusMask=i:2")),
                       request(1, (22, uid(0))), request(1, (20, uid(0)))]
    yield "small answers", [request(1, create()), request(1, (11, uid(0)), options="MaximumResponseSize=i:200"), request(1, (24, "QueryFunction=e:1"), options="MaximumResponseSize=i:1")]
    yield "created with every length", [request(4, *[create(bits=bits, algorithm=a) for bits, a in ((128, 3), (192, 3), (256, 3), (512, 3), (168, 2), (160, 7), (0, 9))],
                                                options="BatchErrorContinuationOption=e:1")]


def put(target, name, data):
    assert len(data) <= SEED_MAX, (target, name, len(data))
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("seed-" + re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-"))).write_bytes(data)


def messages():
    for path in sorted((TOP / "tests/vectors").glob("*.txt")):
        for title, requests in stories_of(path):
            yield path.stem + " " + title, [assemble(text) for text in requests]
    for title, requests in more_stories():
        yield title, [assemble(text) for text in requests]


def make_messages():
    for number, (title, requests) in enumerate(messages()):
        # Every story with another set of options, so that slow answers, small rooms and failures are there from the start.
        put("request", title, bytes([(0, 1, 2, 17, 8, 33, 4)[number % 7]]) + b"".join(requests)[:SEED_MAX - 1])
        put("ttlv", title, requests[-1][:SEED_MAX])


def entries_of(log):
    """Type and payload of every entry, as src/disk/FORMAT.md has them."""
    at = 32
    while at + 24 <= len(log):
        size, kind = struct.unpack(">II", log[at + 4:at + 12])
        yield kind, log[at + 24:at + 24 + size]
        at += 24 + (size + 7) // 8 * 8


def made_logs():
    """Logs that the server's own code wrote; made once, by tests/fuzz/samples.c and the objects of tests/unit."""
    folder = HERE / "made"
    folder.mkdir(exist_ok=True)
    if not (folder / "records.log").exists():
        program = TOP / "build/tests/unit/samples"
        subprocess.run("gcc -std=c11 -g -O1 -fsanitize=address,undefined -Isrc -Itests -Ibuild/vendor/host/include -o %s tests/fuzz/samples.c "
                       "build/tests/unit/all.a -Lbuild/vendor/host/lib -lcurl -lcares -lbearssl -lm && %s %s" % (program, program, folder),
                       shell=True, check=True, cwd=TOP)
    return [(folder / "journal.log").read_bytes(), (folder / "records.log").read_bytes()]


def make_journal():
    for log, options in zip(made_logs(), (2, 3)):
        name = "journal" if options == 2 else "records"
        put("journal", "raw " + name, bytes([options & 1]) + log[:SEED_MAX - 1])
        entries = list(entries_of(log))
        for first in range(0, len(entries), 4):
            packed = b"".join(struct.pack(">HB", len(payload), kind) + payload for kind, payload in entries[first:first + 4])
            put("journal", "%s from %d" % (name, first), bytes([options]) + packed[:SEED_MAX - 1])
    header = bytes.fromhex("48464c4f47000001") + struct.pack(">II", 1, 0) + bytes(range(1, 9)) + bytes(4)
    header += struct.pack(">I", zlib.crc32(header))
    put("journal", "empty segment", b"\0" + header)
    put("journal", "header of version 2", b"\0" + header[:7] + b"\2" + header[8:])
    gone = struct.pack(">HB", 16, 2) + bytes(range(16))
    stored = struct.pack(">HB", 40, 3) + bytes(range(16)) + struct.pack(">II", 3, 0) + bytes(16)
    put("journal", "gone and stored", b"\2" + gone + stored)
    put("journal", "broken", b"\6" + gone + stored + b"\0\x30\x01")
    put("journal", "local records", b"\3" + gone + stored)


CONFIG = [
    'set server listen 0.0.0.0:5696\nset server name "kms.example"\n',
    "# comment\n\n   set log level debug   \nset store objects 1000\nset store flush-window 2s\n",
    'set store commit keymanager\nset tls compat on\nset connection idle-timeout 5m\nset "server" "name" "a b"\n',
    "set user kms password-hash pbkdf2-sha256:1000:000102030405060708090a0b0c0d0e0f:" + "ab" * 32 + "\nset user kms scope one\n",
    'set server name "unfinished\nset\nset unknown thing\nset a b c d e f g h i j\n',
]


def make_config():
    settings = re.findall(r'\{"([a-z -]+)",\s*SETTING_\w+,[^"]*"([^"]*)"', (TOP / "src/server/config.c").read_text(), re.S)
    every = "".join("set %s %s\n" % (path, normal or '""') for path, normal in settings)
    put("config", "every setting", every.encode()[:SEED_MAX])
    for number, text in enumerate(CONFIG):
        put("config", "lines %d" % number, text.encode())
    der = openssl_made("ec-certificate")
    put("config", "client", b"set client vcenter certificate " + base64.b64encode(der) + b"\nset client vcenter scope one\n")
    put("config", "authority", b"set authority root certificate " + base64.b64encode(openssl_made("ca-certificate")) + b"\nset authority root scope two\n")


MADE = {
    "ec-certificate": "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=client -days 3650 -outform DER",
    "rsa-certificate": "req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj /C=DE/O=o/CN=client -days 20000 -outform DER",
    "ca-certificate": "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout /dev/null -subj /CN=ca -days 3650 -outform DER "
                      "-addext basicConstraints=critical,CA:TRUE",
    "ec-key": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER",
    "rsa-key": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER",
    "old-ec-key": "ecparam -name secp384r1 -genkey -noout -outform DER",
    "old-rsa-key": "genrsa -traditional 2048",
}


def openssl_made(name):
    path = HERE / "made" / (name + ".der")
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        data = subprocess.run(["openssl"] + MADE[name].split(), check=True, capture_output=True).stdout
        if data.startswith(b"-----"):
            data = base64.b64decode(b"".join(line for line in data.splitlines() if not line.startswith(b"-----")))
        path.write_bytes(data)
    return path.read_bytes()


def make_x509():
    for name in MADE:
        der = openssl_made(name)
        if "key" in name:
            put("x509", name, b"\2" + der)
        else:
            put("x509", name, b"\0" + der)
            put("x509", "client " + name, b"\1" + der)
    text = base64.encodebytes(openssl_made("ec-certificate"))
    put("x509", "pem", b"\3text\n-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n-----BEGIN A-----\nZg==\n-----END A-----\n")
    put("x509", "base64", b"\4Zm9v\n Zm8=")
    put("x509", "utf8", "\4äöü€🔑".encode("latin-1", "ignore") + "äöü€🔑".encode())


# What Key Protect and IAM answer, and what a proxy on the way may put in its place.
DOCUMENTS = {
    "page": '{"metadata":{"collectionType":"application/vnd.ibm.kms.key+json","collectionTotal":2},"resources":'
            '[{"type":"application/vnd.ibm.kms.key+json","id":"0c5a4b3c-1e1a-4c4e-9f5c-0a1b2c3d4e5f","name":"a",'
            '"state":1,"extractable":true,"keyVersion":{"id":"0c5a","creationDate":"2026-01-02T03:04:05Z"},'
            '"tags":[],"dualAuthDelete":{"enabled":false},"deleted":false},\n {"id":"b","description":"{}[]\\"\\\\"}]}',
    "empty-page": '{"metadata":{"collectionTotal":0},"resources":[]}',
    "no-resources": ' { "metadata" : { "resources" : [ { } ] } , "x" : "resources" } ',
    "wrap": '{"plaintext":"Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFyZm8=",'
            '"ciphertext":"eyJ\\u0050\\/x==","keyVersion":{"id":"1"}}',
    "error": '{"metadata":{"collectionTotal":1},"resources":[{"errorMsg":"Unprocessable Entity: \\u00e9\\ud83d\\ude00",'
             '"reasons":[{"code":"KEY_NOT_FOUND_ERR","message":"no","status":404,"moreInfo":"https:\\/\\/x"}]}]}',
    "token": '{"access_token":"e.y.J","refresh_token":"not_supported","token_type":"Bearer","expires_in":3600,'
             '"expiration":1473188353,"scope":"ibm openid"}',
    "numbers": '[0,-0,1.5,1e5,-1E-5,9223372036854775807,-9223372036854775808,9223372036854775808,true,false,null]',
    "nested": '{"a":' + "[" * 15 + "]" * 15 + '}',
    "too-deep": "[" * 17 + "]" * 17,
    "many": "[" + "1," * 254 + "1]",
    "too-many": "[" + "1," * 255 + "1]",
    "not-an-array": '{"resources":{"a":1}}',
    "not-objects": '{"resources":[{"a":1},2]}',
    "twice": '{"resources":[{}],"resources":[]}',
    "half": '{"resources":[{"id":"a"},{"id":"b',
    "comma-at-the-end": '{"a":[1,{}],"b":[2,]}',
    "comma-too-many": '{"a":1,,"b":2}',
    "comma-missing": '{"a":[1 2]}',
    "no-value": '{"a":1,"b"}',
    "not-a-word": '{"a":[nil,truex]}',
    "html": "<html><body>502 Bad Gateway</body></html>",
}


def make_json():
    for number, (title, text) in enumerate(DOCUMENTS.items()):
        put("json", title, bytes([number * 37 & 255]) + text.encode())


RECORD, HEAD, WRAPPED, ROOT_VERSION = 0x540001, 0x540002, 0x540004, 0x540007


def record(state, generation, node, *attributes, root_version=b""):
    """A record of src/store/object.h."""
    head = bytes([1, 2, state, 0, 0, 4, 0, 0]) + struct.pack(">I", generation) + b"\xa0" * 16 + bytes([node]) * 8 + bytes(4)
    content = item(HEAD, 8, head) + item(WRAPPED, 8, b"Y2lwaGVy") + (item(ROOT_VERSION, 8, root_version) if root_version else b"")
    content += b"".join(attributes)
    return item(RECORD, 1, content)


def custom(name, value, index=0):
    inside = item(TAGS["AttributeName"], 7, name) + (item(TAGS["AttributeIndex"], 2, struct.pack(">I", index)) if index else b"")
    return item(TAGS["Attribute"], 1, inside + item(TAGS["AttributeValue"], 7, value))


def changed(date):
    return item(TAGS["LastChangeDate"], 9, struct.pack(">Q", date))


RECORDS = {
    "same": [record(2, 3, 1, changed(5), custom(b"x-a", b"a"))] * 2,
    "side-by-side": [record(2, 3, 1, changed(5), custom(b"x-a", b"a")), record(2, 3, 2, changed(6), custom(b"x-b", b"b"))],
    "state-leads": [record(3, 9, 1), record(5, 2, 1, custom(b"x-a", b"a", 3))],
    "no-room": [record(2, 3, 1, custom(b"x-a", b"a" * 1000), custom(b"x-b", b"a" * 900)),
                record(2, 3, 2, custom(b"x-c", b"c" * 1000), custom(b"x-d", b"d" * 900))],
    "root-versions": [record(2, 3, 1, root_version=b"1" * 16), record(2, 4, 1, root_version=b"2" * 16)],
    "twice": [record(1, 1, 1, custom(b"x-a", b"a"), custom(b"x-a", b"b")), record(1, 1, 2, custom(b"x-b", b"b"))],
    "last-generation": [record(2, 0xFFFFFFFF, 1, custom(b"x-a", b"a")), record(2, 7, 2)],
}
# Bytes as tests/fuzz/keyprotect_fuzz.c reads them; a call of a kind, an answer for a slot, a turn.
SUBMIT, ANSWER, TURN, LATER, TAKE, FILE, TEST = 0, 1, 7, 3 + 80, 4, 5, 6 + 8
NEW_KEY, UNWRAP, REWRAP, STATE, PUT, GET, LIST, LIST_DELETED, FIND, DELETE = range(10)
STATUS = {status: number for number, status in enumerate([200, 201, 204, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 302])}


def call(kind):
    return [SUBMIT, kind, 16, TURN]


def reply(slot, status, body):
    return [ANSWER, slot, STATUS[status], body, TURN]


PLAYS = {
    "new-key": (0, call(NEW_KEY) + reply(0, 200, 2) + [TAKE]),
    "state": (0, call(STATE) + reply(8, 200, 0) + reply(8, 200, 2) + [TAKE] + call(STATE) + reply(8, 200, 0) + reply(8, 200, 2)),
    "expired": (4, call(STATE) + reply(8, 200, 1) + reply(8, 200, 2) + [TAKE] + call(NEW_KEY) + reply(0, 409, 7) + [TAKE]),
    "broker": (1, call(STATE) + reply(8, 200, 5) + reply(8, 200, 0) + reply(8, 200, 2) + [TAKE]),
    "unwrap-and-rewrap": (0, call(UNWRAP) + call(REWRAP) + reply(1, 200, 2) + reply(0, 200, 2) + [TAKE]),
    "lost-post": (0, call(PUT) + reply(0, 500, 11) + [LATER] + reply(0, 200, 4) + reply(0, 201, 3) + [TAKE]),
    "lists": (0, call(LIST) + call(FIND) + call(LIST_DELETED) + reply(0, 200, 4) + reply(1, 200, 4) + reply(2, 200, 10) + [TAKE]),
    "too-broad": (0, call(LIST) + call(FIND) + reply(0, 400, 6) + reply(0, 200, 4) + reply(1, 400, 6) + reply(1, 400, 6) + [TAKE]),
    "get-and-delete": (0, call(GET) + call(DELETE) + reply(0, 200, 3) + reply(1, 204, 11) + [TAKE]),
    "token": (2, call(GET) + [FILE, 17, TURN] + reply(9, 200, 8) + reply(0, 401, 11) + [LATER, LATER, LATER] + [TAKE]),
    "no-token": (2, call(GET) + [FILE, 0, TURN, TAKE, 6 + 16, LATER, FILE, 8, TURN, TAKE]),
    "busy": (0, call(GET) + [ANSWER, 0, 32 + 10, 1, TURN] + [LATER] * 8 + [TAKE]),
    "test": (4, [TEST, TURN, FILE, 17, TURN] + reply(9, 200, 8) + reply(8, 200, 0) + reply(8, 200, 2) + reply(8, 200, 2)
             + reply(8, 200, 9) + reply(8, 201, 3) + reply(8, 200, 3) + reply(8, 204, 11) + [TURN]),
}


def make_keyprotect():
    for title, (first, second) in RECORDS.items():
        put("keyprotect", "merge-" + title, bytes([128]) + struct.pack(">H", len(first)) + first + second)
    for title, (flags, play) in PLAYS.items():
        put("keyprotect", title, bytes([flags] + play))


def main():
    for old in CORPUS.glob("*/seed-*"):
        old.unlink()
    make_messages()
    make_journal()
    make_config()
    make_x509()
    make_json()
    make_keyprotect()
    for folder in sorted(CORPUS.iterdir()):
        print(folder.name, len(list(folder.iterdir())))


if __name__ == "__main__":
    main()
