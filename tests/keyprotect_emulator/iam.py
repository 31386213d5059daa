# SPDX-License-Identifier: Apache-2.0
"""IBM Cloud IAM as far as an API key needs it: POST /identity/token, and who a token speaks for."""

import base64
import json
import secrets
import time
import urllib.parse
import uuid

APIKEY_GRANT = "urn:ibm:params:oauth:grant-type:apikey"
READ = frozenset(("Reader", "ReaderPlus", "Writer", "Manager"))
PAYLOAD = frozenset(("ReaderPlus", "Writer", "Manager"))
WRITE = frozenset(("Writer", "Manager"))
MANAGE = frozenset(("Manager",))
PURGE = frozenset(("KeyPurge",))
ADAPTERS = frozenset(("Manager", "KmipAdapterManager"))
ROLES = READ | PURGE | ADAPTERS
ANY = ROLES

BAD_API_KEY = ("BXNIM0415E", "Provided API key could not be found.")
NO_USER = ("BXNIM0410E", "User not found or active.")
OLD_REFRESH_TOKEN = ("BXNIM0408E", "Provided refresh token is expired.")
NOT_VALID = ("BXNIM0106E", "Invalid form parameters in the request.")


class ApiKey:
    """An API key of a service ID: its secret, its roles, and the key rings they are limited to."""

    def __init__(self, name, roles, key_rings=None, value=None):
        self.name = name
        self.value = value or secrets.token_urlsafe(33)
        self.roles = frozenset(roles)
        self.key_rings = None if key_rings is None else frozenset(key_rings)
        self.disabled = self.deleted = self.locked = self.user_inactive = False
        self.subject = "iam-ServiceId-" + str(uuid.uuid4())

    def has_role(self, roles):
        """Tell whether one of the roles is held, in some key ring at least."""
        return bool(self.roles & roles)

    def may(self, roles, ring):
        """Tell whether one of the roles is held in a key ring."""
        return self.has_role(roles) and (self.key_rings is None or ring in self.key_rings)

    def as_json(self):
        """Return what the control port shows."""
        return {"name": self.name, "value": self.value, "roles": sorted(self.roles), "iam_id": self.subject,
                "key_rings": None if self.key_rings is None else sorted(self.key_rings),
                "disabled": self.disabled, "deleted": self.deleted, "locked": self.locked,
                "user_inactive": self.user_inactive}


class Token:
    """An access token that was handed out."""

    def __init__(self, api_key, expires):
        self.api_key = api_key
        self.expires = expires


class Iam:
    """All API keys and all tokens."""

    def __init__(self, clock, settings, account):
        self._clock = clock
        self._settings = settings
        self._account = account
        self.api_keys = []
        self._tokens = {}

    def add(self, name, roles, key_rings=None, value=None):
        """Make an API key."""
        api_key = ApiKey(name, roles, key_rings, value)
        self.api_keys.append(api_key)
        return api_key

    def find(self, name_or_value):
        """Return the youngest API key with this name or secret that is not deleted, else None."""
        for api_key in reversed(self.api_keys):
            if name_or_value in (api_key.name, api_key.value) and not api_key.deleted:
                return api_key
        return None

    def caller(self, text):
        """Return (API key, None) for a token, or (None, why): malformed, expired or unknown."""
        token = self._tokens.get(text)
        if token is None:
            return None, "unknown" if text.count(".") == 2 else "malformed"
        if self._clock.now() >= token.expires:
            return None, "expired"
        api_key = token.api_key
        if (api_key.deleted or api_key.disabled) and not self._settings.tokens_outlive_api_key:
            return None, "unknown"
        return api_key, None

    def forget_tokens(self):
        """Make all tokens unknown."""
        self._tokens.clear()

    def _access_token(self, api_key, now, lifetime):
        claims = {"iam_id": api_key.subject, "id": api_key.subject, "sub": api_key.subject.replace("iam-", "", 1),
                  "sub_type": "ServiceId", "jti": str(uuid.uuid4()), "account": {"valid": True, "bss": self._account},
                  "iat": int(now), "exp": int(now + lifetime), "iss": "https://iam.cloud.ibm.com/identity",
                  "grant_type": APIKEY_GRANT, "scope": "ibm openid", "client_id": "default"}
        header = {"kid": "20261122", "alg": "RS256"}
        parts = [json.dumps(part).encode() for part in (header, claims)] + [secrets.token_bytes(256)]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    def token(self, body):
        """Answer POST /identity/token: (status, object)."""
        form = {name: values[0] for name, values in
                urllib.parse.parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()}
        grant = form.get("grant_type")
        if grant == "refresh_token":
            return 400, iam_error(OLD_REFRESH_TOKEN)
        if grant != APIKEY_GRANT or not form.get("apikey"):
            return 400, iam_error(NOT_VALID, "grant_type or apikey is missing or not supported")
        api_key = self.find(form["apikey"])
        if api_key is None or api_key.value != form["apikey"] or api_key.disabled:
            return 400, iam_error(BAD_API_KEY)
        if api_key.user_inactive:
            return 400, iam_error(NO_USER)
        now, lifetime = self._clock.now(), self._settings.token_lifetime
        text = self._access_token(api_key, now, lifetime)
        self._tokens[text] = Token(api_key, now + lifetime)
        return 200, {"access_token": text, "refresh_token": "not_supported", "ims_user_id": 0,
                     "token_type": "Bearer", "expires_in": int(lifetime), "expiration": int(now + lifetime),
                     "scope": "ibm openid"}


def iam_error(error, details=None):
    """Return the body of an error; every value of the context is a string."""
    stamp = time.strftime("%d.%m.%Y %H:%M:%S:000 UTC", time.gmtime())
    context = {"requestId": "emulated-" + secrets.token_hex(8), "requestType": "incoming.Identity_Token",
               "userAgent": "", "url": "https://iam.cloud.ibm.com", "instanceId": "emulator", "threadId": "1",
               "host": "emulator", "startTime": stamp, "endTime": stamp, "elapsedTime": "1", "locale": "en_US",
               "clusterName": "emulator", "clientIp": "127.0.0.1"}
    body = {"errorCode": error[0], "errorMessage": error[1], "context": context}
    if details:
        body["errorDetails"] = details
    return body
