# SPDX-License-Identifier: Apache-2.0
"""The life of keys: create, get, change ring, delete, restore, purge, versions."""

import base64

import bodies
import instance as rules
from call import collection, done, one_key
from clock import date_text, go_text
from errors import Refusal, bad_body, bad_field
from iam import MANAGE, PAYLOAD, WRITE

CREATE_MEMBERS = {"type": str, "name": str, "description": str, "tags": list, "aliases": list, "extractable": bool,
                  "payload": str, "expirationDate": str, "encryptedNonce": str, "iv": str,
                  "encryptionAlgorithm": str}
OVERRIDE_MEMBERS = dict(CREATE_MEMBERS, rotation=dict, dualAuthDelete=dict)
ONE_KEY = "Only creation of one key per request is supported"
STANDARD_PAYLOAD_BYTES = 7500
ROOT_PAYLOAD_BYTES = (16, 24, 32)
TAGS = 30
FORBIDDEN_IN_TAGS = set("<>,:&|")
VERSION_COLLECTION = "application/vnd.ibm.kms.key.version+json"


def strings(fields, name):
    """Return a member that is a list of strings."""
    values = fields.get(name, [])
    if not all(isinstance(value, str) for value in values):
        raise bad_body("json: cannot unmarshal value into Go struct field %s of type string" % name)
    return values


def check_description(fields):
    """Refuse names, descriptions and tags that are too long or hold wrong characters."""
    if not 2 <= len(fields.get("name", "")) <= 90:
        raise bad_field("name", "a string of 2 to 90 characters")
    if fields.get("description") and not 2 <= len(fields["description"]) <= 240:
        raise bad_field("description", "a string of 2 to 240 characters")
    tags = strings(fields, "tags")
    if len(tags) > TAGS or any(len(tag) > 30 or FORBIDDEN_IN_TAGS & set(tag) for tag in tags):
        raise bad_field("tags", "at most 30 tags of at most 30 characters without < > , : & |")


def check_aliases(home, aliases):
    """Refuse aliases that are too many, not well formed or taken."""
    if len(aliases) > rules.ALIASES_PER_KEY or len(set(aliases)) != len(aliases):
        raise bad_field("aliases", "at most 5 different aliases")
    for alias in aliases:
        home.check_alias(alias)
    if len(home.aliases) + len(aliases) > rules.ALIASES_PER_INSTANCE:
        raise Refusal("KEY_ALIAS_QUOTA_ERR")


def check_access_policy(home, fields):
    """Refuse what the instance policy keyCreateImportAccess does not allow."""
    policy = home.policies.get("keyCreateImportAccess")
    if policy is None or not policy["policy_data"]["enabled"]:
        return
    attributes = policy["policy_data"].get("attributes", {})
    imported = bool(fields.get("payload"))
    name = "%s_%s_key" % ("import" if imported else "create", "standard" if fields.get("extractable") else "root")
    if not attributes.get(name, True):
        raise Refusal("KEY_CREATE_IMPORT_ACCESS_ERR")
    if (imported and not fields.get("extractable") and attributes.get("enforce_token")
            and not fields.get("encryptedNonce")):
        raise Refusal("KEY_CREATE_IMPORT_ACCESS_ERR")


def material_of(home, fields):
    """Return the key material of a body, None when the service makes it."""
    data = bodies.material(fields)
    if data is None:
        return None
    if fields.get("encryptedNonce") or fields.get("iv"):
        data = open_import(home, fields, data)
    if fields.get("extractable"):
        if len(data) > STANDARD_PAYLOAD_BYTES:
            raise bad_field("payload", "at most 7500 bytes of base64 encoded key material")
    elif len(data) not in ROOT_PAYLOAD_BYTES:
        raise bad_field("payload", "a base64 encoded key material: 16, 24 or 32 bytes")
    return data


def open_import(home, fields, encrypted):
    """Return the material that was encrypted for the import token."""
    token = home.import_token
    if token is None or token.is_expired(home.clock.now()):
        raise Refusal("IMPORT_TOKEN_EXPIRED_ERR")
    iv, _ = bodies.base64_bytes(fields.get("iv", ""))
    nonce, _ = bodies.base64_bytes(fields.get("encryptedNonce", ""))
    if not iv or not nonce:
        raise Refusal("INCORRECT_NONCE_IV_ERR")
    data = token.key.material(encrypted)
    if data is None:
        raise bad_field("payload", "a base64 encoded key material: encrypted for the import token")
    if token.key.nonce(data, nonce, iv) != token.nonce:
        raise Refusal("INCORRECT_NONCE_ERR")
    return data


def create(call):
    """POST /keys."""
    return _create(call, CREATE_MEMBERS)


def create_with_overrides(call):
    """POST /keys_with_policy_overrides."""
    return _create(call, OVERRIDE_MEMBERS)


def _create(call, allowed):
    home, ring = call.instance, call.ring or "default"
    call.need(WRITE, ring)
    fields = bodies.collection(call.request.body, allowed, ONE_KEY)[0]
    if ring not in home.rings:
        raise Refusal("KEY_RING_NOT_FOUND_ERR")
    key = new_key(home, fields, ring, call.caller.subject)
    call.key = key
    payload = None
    if key.extractable and call.wants_representation() and call.caller.may(PAYLOAD, ring):
        payload = payload_text(home, key)
    return one_key(call, 201, payload)


def new_key(home, fields, ring, subject):
    """Check the members of a new key and make it."""
    check_description(fields)
    aliases = strings(fields, "aliases")
    check_aliases(home, aliases)
    check_access_policy(home, fields)
    now = home.clock.now()
    key = rules.Key(fields["name"], fields.get("extractable", False), now, subject)
    key.description, key.tags, key.ring = fields.get("description", ""), list(strings(fields, "tags")), ring
    if fields.get("expirationDate"):
        key.expires = bodies.seconds_of(fields["expirationDate"], "expirationDate")
        if key.expires <= now:
            raise bad_field("expirationDate", "a date in the future")
    payload = material_of(home, fields)
    inherit_policies(home, key, fields, payload is not None)
    return home.add_key(key, payload, aliases)


def inherit_policies(home, key, fields, imported):
    """Give a new key the policies of the instance, or those of its own body."""
    def instance_wants(name):
        policy = home.policies.get(name)
        return policy["policy_data"] if policy and policy["policy_data"]["enabled"] else None

    own = fields.get("dualAuthDelete")
    key.dual_auth = bool(own.get("enabled")) if own is not None else instance_wants("dualAuthDelete") is not None
    own, inherited = fields.get("rotation"), instance_wants("rotation")
    if own is None and inherited is not None and not imported:
        own = {"enabled": True, "interval_month": inherited["attributes"]["interval_month"]}
    if own is not None and not key.extractable and own.get("enabled", True):
        set_rotation(home, key, own, key.created_by)


def set_rotation(home, key, wanted, subject):
    """Give a root key a rotation policy."""
    months = wanted.get("interval_month")
    if months is None and "rotation" in key.policies:
        months = key.policies["rotation"]["rotation"]["interval_month"]
    if not isinstance(months, int) or not 1 <= months <= 12:
        raise bad_field("interval_month", "an integer between 1 and 12 (inclusive)")
    write_policy(home, key, "rotation", {"enabled": wanted.get("enabled", True), "interval_month": months}, subject)


def write_policy(home, key, name, content, subject):
    """Store a policy of a key."""
    now = date_text(home.clock.now())
    old = key.policies.get(name, {"createdBy": subject, "creationDate": now})
    key.policies[name] = {"type": "application/vnd.ibm.kms.policy+json", "id": key.id, "crn": home.crn(key),
                          name: content, "createdBy": old["createdBy"], "creationDate": old["creationDate"],
                          "updatedBy": subject, "lastUpdateDate": now}


def payload_text(home, key):
    """Return the payload of a standard key as base64."""
    return base64.b64encode(home.vault.open(key.sealed, key.id)).decode()


def get(call):
    """GET /keys/{id}: the payload too when it is a standard key."""
    key = call.key
    if not key.extractable:
        return one_key(call)
    call.need(PAYLOAD, key.ring)
    if key.state(call.now) == rules.DESTROYED and not call.instance.settings.destroyed_payload:
        return one_key(call)
    return one_key(call, payload=payload_text(call.instance, key))


def metadata(call):
    """GET /keys/{id}/metadata."""
    return one_key(call)


def patch(call):
    """PATCH /keys/{id}: another key ring."""
    fields = call.body({"keyRingID": str})
    if not fields:
        raise Refusal("NO_BODY_ERR")
    ring = fields["keyRingID"]
    if ring not in call.instance.rings:
        raise Refusal("KEY_RING_NOT_FOUND_ERR")
    call.need(MANAGE, ring)
    call.key.ring = ring
    call.instance.touch(call.key)
    return one_key(call)


def check_deletion(home, key, force, now):
    """Refuse to delete a key that is deleted, protected, or lacks a second authorization."""
    if key.state(now) == rules.DESTROYED:
        raise Refusal("KEY_DELETED_ERR")
    protected = [one for one in home.registrations if one["keyId"] == key.id]
    if any(one["preventKeyDeletion"] for one in protected):
        raise Refusal("PREV_KEY_DEL_ERR")
    attached = any(one.crk_id == key.id for one in home.adapters.values())
    if attached or (protected and not force):
        raise Refusal("PROTECTED_RESOURCE_ERR", target={"type": "query_param", "name": "force"})
    if key.dual_auth and not home.is_set_for_deletion(key):
        raise Refusal("AUTHORIZATIONS_NOT_MET", before="1 prior authorization(s) are required for deletion")


def delete(call):
    """DELETE /keys/{id}."""
    check_deletion(call.instance, call.key, call.flag("force"), call.now)
    call.instance.delete(call.key, call.caller.subject)
    return one_key(call) if call.wants_representation() else done()


def restore(call):
    """POST /keys/{id}/restore; old clients send a body with the material, which is not needed any more."""
    home, key, now = call.instance, call.key, call.now
    if key.state(now) != rules.DESTROYED:
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR")
    if not home.settings.restore_generated and not key.imported:
        raise Refusal("KEY_IMPT_REQ_ERR")
    if key.expires is not None and key.expires <= now:
        raise Refusal("KEY_EXPIRED_ERR", before="The key expired on " + go_text(key.expires))
    if now < key.deleted_at + home.clock.wait(rules.CHANGE_WAIT):
        raise Refusal("REQ_TOO_EARLY_ERR")
    if now >= key.deleted_at + home.clock.wait(rules.RESTORE_LIMIT):
        raise Refusal("KEY_RESTORE_EXPIRED")
    home.restore(key)
    return one_key(call, 201)


def purge(call):
    """DELETE /keys/{id}/purge."""
    home, key = call.instance, call.key
    if key.state(call.now) != rules.DESTROYED:
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR")
    if call.now < key.deleted_at + home.clock.wait(rules.PURGE_WAIT):
        raise Refusal("REQ_TOO_EARLY_ERR", "Purge operation is allowed 4h0m0s after key is deleted")
    answer = one_key(call) if call.wants_representation() else done()
    home.purge(key)
    return answer


def versions(call):
    """GET /keys/{id}/versions, the newest first."""
    key = call.key
    if key.extractable:
        raise Refusal("KEY_ROOT_REQ_ERR")
    if key.state(call.now) != rules.ACTIVE and not call.flag("allKeyStates"):
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR")
    offset, limit = call.page()
    newest_first = [version.as_json() for version in reversed(key.versions)]
    total = len(newest_first) if call.flag("totalCount") else None
    return collection(VERSION_COLLECTION, newest_first[offset:offset + limit], total=total)
