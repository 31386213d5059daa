# SPDX-License-Identifier: Apache-2.0
"""What belongs to the instance beside its keys: aliases, key rings, registrations, import token, ports."""

import base64
import os
import re
import uuid

import crypto
import instance as rules
from call import collection, done
from clock import date_text
from errors import Refusal, bad_field
from iam import READ, WRITE
from wire import Response, json_response

ALIAS_COLLECTION = "application/vnd.ibm.kms.alias+json"
RING_COLLECTION = "application/vnd.ibm.kms.key_ring+json"
REGISTRATION_COLLECTION = "application/vnd.ibm.kms.registration+json"
PORT_COLLECTION = "application/vnd.ibm.kms.allowed_ip_port+json"
RING_NAME = re.compile(r"[A-Za-z0-9_ -]{2,100}")


def add_alias(call):
    """POST /keys/{id}/aliases/{alias}."""
    home, key, alias = call.instance, call.key, call.parameters["alias"]
    home.check_alias(alias, key)
    if alias not in key.aliases and (len(key.aliases) >= rules.ALIASES_PER_KEY
                                     or len(home.aliases) >= rules.ALIASES_PER_INSTANCE):
        raise Refusal("KEY_ALIAS_QUOTA_ERR")
    home.add_alias(key, alias)
    return collection(ALIAS_COLLECTION, [{"keyId": key.id, "alias": alias, "creationDate": date_text(call.now),
                                          "createdBy": call.caller.subject}], 201)


def delete_alias(call):
    """DELETE /keys/{id}/aliases/{alias}."""
    alias = call.parameters["alias"]
    if alias not in call.key.aliases:
        raise Refusal("KEY_ALIAS_NOT_FOUND_ERR")
    call.key.aliases.remove(alias)
    del call.instance.aliases[alias]
    return done()


def list_rings(call):
    """GET /key_rings."""
    return collection(RING_COLLECTION, list(call.instance.rings.values()))


def create_ring(call):
    """POST /key_rings/{id}: an empty 201."""
    home, name = call.instance, call.parameters["ring"]
    call.need(WRITE, name)
    if not RING_NAME.fullmatch(name) or rules.UUID.fullmatch(name):
        raise bad_field("id", "2 to 100 characters of A-Z, a-z, 0-9, _, - and no UUID")
    if name in home.rings:
        raise Refusal("KEY_RING_NOT_UNIQUE_ERR")
    if len(home.rings) >= rules.KEY_RINGS:
        raise Refusal("KEY_RING_QUOTA_ERR")
    home.rings[name] = {"id": name, "creationDate": date_text(call.now), "createdBy": call.caller.subject}
    return Response(201)


def delete_ring(call):
    """DELETE /key_rings/{id}: forced, its destroyed keys move to the default ring."""
    home, name = call.instance, call.parameters["ring"]
    if name not in home.rings:
        raise Refusal("KEY_RING_NOT_FOUND_ERR")
    inside = [key for key in home.keys.values() if key.ring == name]
    alive = [key for key in inside if key.state(call.now) != rules.DESTROYED]
    if name == "default" or alive or (inside and not call.flag("force")):
        raise Refusal("KEY_RING_NOT_EMPTY_ERR")
    for key in inside:
        key.ring = "default"
    del home.rings[name]
    return done()


def key_registrations(call):
    """GET /keys/{id}/registrations."""
    return collection(REGISTRATION_COLLECTION,
                      [one for one in call.instance.registrations if one["keyId"] == call.key.id])


def all_registrations(call):
    """GET /keys/registrations."""
    home = call.instance
    return collection(REGISTRATION_COLLECTION, [one for one in home.registrations
                                                if call.caller.may(READ, home.keys[one["keyId"]].ring)])


class ImportToken:
    """The one import token of an instance."""

    def __init__(self, now, expires, retrievals, hpcs):
        self.id = str(uuid.uuid4())
        self.created = now
        self.expires = expires
        self.allowed = self.left = retrievals
        self.nonce = os.urandom(12)
        self.key = crypto.ImportKey(hpcs)

    def is_expired(self, now):
        """Tell whether it may be used no more."""
        return now >= self.expires

    def as_json(self):
        """Return the answer of POST."""
        return {"id": self.id, "creationDate": date_text(self.created), "expirationDate": date_text(self.expires),
                "maxAllowedRetrievals": self.allowed, "remainingRetrievals": self.left}


def create_import_token(call):
    """POST /import_token: takes the place of the one before."""
    fields = call.body({"maxAllowedRetrievals": int, "expiration": int})
    expiration, retrievals = fields.get("expiration", 600), fields.get("maxAllowedRetrievals", 1)
    if not 300 <= expiration <= 86400:
        raise bad_field("expiration", "an integer between 300 and 86400 (inclusive)")
    if not 1 <= retrievals <= 500:
        raise bad_field("maxAllowedRetrievals", "an integer between 1 and 500 (inclusive)")
    home = call.instance
    home.import_token = ImportToken(call.now, call.now + home.clock.wait(expiration), retrievals, home.hpcs)
    return json_response(200, home.import_token.as_json())


def get_import_token(call):
    """GET /import_token: the public key and the nonce, so many times."""
    token = call.instance.import_token
    if token is None:
        raise Refusal("IMPORT_TOKEN_NOT_FOUND_ERR")
    if token.left == 0 or token.is_expired(call.now):
        raise Refusal("IMPORT_TOKEN_EXPIRED_ERR")
    token.left -= 1
    return json_response(200, dict(token.as_json(), payload=token.key.public_text(),
                                   nonce=base64.b64encode(token.nonce).decode()))


def allowed_ip_port(call):
    """GET /instance/allowed_ip_port."""
    return collection(PORT_COLLECTION, [{"private_endpoint_port": 8888}])
