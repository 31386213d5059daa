# SPDX-License-Identifier: Apache-2.0
"""Starts an emulator for tests and speaks to it."""

import base64
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.parse

EMULATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "emulator")
GRANT = "urn:ibm:params:oauth:grant-type:apikey"
KEY_TYPE = "application/vnd.ibm.kms.key+json"
POLICY_TYPE = "application/vnd.ibm.kms.policy+json"
STARTED = []


class Answer:
    """Status, headers (lower case) and body of an answer."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.data = response.read()

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.data)

    @property
    def first(self):
        """The first resource."""
        return self.json["resources"][0]

    @property
    def reason(self):
        """The first reason of an error."""
        return self.first["reasons"][0]


def b64(data):
    """Return bytes as base64 text."""
    return base64.b64encode(data).decode()


def collection(*resources, kind=KEY_TYPE):
    """Return a body with resources."""
    return {"metadata": {"collectionType": kind, "collectionTotal": len(resources)}, "resources": list(resources)}


class Cloud:
    """One emulator in a folder of its own."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="emulator-")
        ready = os.path.join(self.folder, "ready")
        self.log = os.path.join(self.folder, "log")
        self.process = subprocess.Popen([EMULATOR, "--state", self.folder, "--ready-file", ready, "--log", self.log,
                                         *options], stdin=subprocess.DEVNULL)
        STARTED.append(self)
        deadline = time.monotonic() + 20
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the emulator did not start")
            time.sleep(0.02)
        with open(os.path.join(self.folder, "instance.json"), encoding="utf-8") as file:
            self.about = json.load(file)
        self.root = self.about["root_key_id"]
        self._connection = self._control = None
        self._tokens = {}

    def stop(self):
        """End the emulator."""
        self.close()
        if self._control:
            self._control.close()
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
        STARTED.remove(self)

    # ---- raw HTTP ----

    def tls(self):
        """Return a client's TLS context that trusts the emulator's authority."""
        return ssl.create_default_context(cafile=self.about["ca"])

    def connect(self, timeout=10):
        """Return a new connection."""
        return http.client.HTTPSConnection("localhost", self.about["port"], context=self.tls(), timeout=timeout)

    def close(self):
        """Close the connection that is kept."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def http(self, method, path, body=None, headers=None):
        """Send one request on the connection that is kept."""
        if self._connection is None:
            self._connection = self.connect()
        try:
            self._connection.request(method, path, body, headers or {})
            answer = Answer(self._connection.getresponse())
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    # ---- IAM and Key Protect ----

    def token_answer(self, api_key, path="/identity/token", **more):
        """Ask IAM for a token."""
        form = urllib.parse.urlencode(dict({"grant_type": GRANT, "apikey": api_key}, **more))
        return self.http("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded",
                                              "Accept": "application/json"})

    def token(self, who="admin"):
        """Return a token for an API key of instance.json, kept from call to call."""
        if who not in self._tokens:
            value = self.about["api_keys"].get(who, who)
            self._tokens[who] = self.token_answer(value).json["access_token"]
        return self._tokens[who]

    def kp(self, method, path, body=None, who="admin", **headers):
        """Call Key Protect; header names are written with _ for -."""
        sent = {"Authorization": "Bearer " + self.token(who), "Bluemix-Instance": self.about["instance_id"]}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.http(method, "/api/v2" + path, body, {name: value for name, value in sent.items() if value})

    def make(self, name="a key", who="admin", **members):
        """Make a key; return the answer."""
        return self.kp("POST", "/keys", collection(dict({"type": KEY_TYPE, "name": name}, **members)), who)

    def root_key(self, **members):
        """Make a root key; return its ID."""
        return self.make(extractable=False, **members).first["id"]

    def standard_key(self, payload=b"secret", **members):
        """Make a standard key; return its ID."""
        return self.make(extractable=True, payload=b64(payload), **members).first["id"]

    def act(self, key, action, body=None, **more):
        """Do an action on a key."""
        return self.kp("POST", "/keys/%s/actions/%s" % (key, action), body, **more)

    def state(self, key):
        """Return the state of a key."""
        return self.kp("GET", "/keys/%s/metadata" % key).first["state"]

    # ---- control ----

    def control(self, method, path, body=None, status=200):
        """Call the control port; any other status than expected is a mistake of the test."""
        if self._control is None:
            self._control = http.client.HTTPConnection("127.0.0.1", self.about["control_port"], timeout=10)
        self._control.request(method, path, None if body is None else json.dumps(body))
        answer = Answer(self._control.getresponse())
        if answer.status != status:
            raise AssertionError("%s %s: %d %r" % (method, path, answer.status, answer.data))
        return answer.json

    def set(self, **settings):
        """Change settings."""
        return self.control("POST", "/settings", settings)

    def advance(self, seconds):
        """Set the clock ahead."""
        self.control("POST", "/clock", {"advance": seconds})
        self._tokens.clear()

    def fault(self, action, count=1, skip=0, **match):
        """Add a fault."""
        return self.control("POST", "/faults", {"match": match, "count": count, "skip": skip, "action": action})


def stop_all():
    """End all emulators that are left."""
    for one in list(STARTED):
        one.stop()


class CloudTest(unittest.TestCase):
    """Tests that share one emulator."""

    options = ()
    cloud = None

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud(*cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.cloud.stop()

    def refused(self, answer, status, code):
        """Check that an answer is this refusal."""
        self.assertEqual((status, code), (answer.status, answer.reason["code"]), answer.data)
        self.assertEqual(status, answer.reason["status"])
        self.assertTrue(answer.first["errorMsg"].endswith("(%s)" % code))

    def no_access(self, answer):
        """Check that an answer is 401 without reasons."""
        self.assertEqual(401, answer.status, answer.data)
        self.assertEqual({"metadata": {"collectionType": "application/vnd.ibm.kms.error+json", "collectionTotal": 1},
                          "resources": [{"errorMsg": "Unauthorized: The user does not have access to the specified "
                                                     "resource"}]}, answer.json)

    def good(self, answer, status=200):
        """Check the status and return the answer."""
        self.assertEqual(status, answer.status, answer.data)
        return answer
