# SPDX-License-Identifier: Apache-2.0
"""What a Key Protect instance holds: keys with their versions, aliases, key rings, policies, registrations."""

import os
import re
import time
import uuid

from clock import DAY, HOUR, date_text
from crypto import Vault
from errors import Refusal, bad_field

ACTIVE, SUSPENDED, DEACTIVATED, DESTROYED = 1, 2, 3, 5
KEY_TYPE = "application/vnd.ibm.kms.key+json"

# Limits and times that Key Protect publishes.
ALIASES_PER_KEY = 5
ALIASES_PER_INSTANCE = 1000
KEY_RINGS = 50
CHANGE_WAIT = 30
ROTATE_WAIT = HOUR
SYNC_WAIT = HOUR
PURGE_WAIT = 4 * HOUR
RESTORE_LIMIT = 30 * DAY
AUTO_PURGE = 90 * DAY
AUTHORIZATION_LIFE = 7 * DAY

ALIAS = re.compile(r"[A-Za-z0-9_-]{2,90}")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
RESERVED = frozenset("allowed_ip key keys metadata policy policies registration registrations ring rings rotate wrap "
                     "unwrap rewrap version versions".split())


class Version:
    """One version of a root key: its identity and its real key material."""

    __slots__ = ("id", "material", "created")

    def __init__(self, material, created):
        self.id = str(uuid.uuid4())
        self.material = material
        self.created = created

    def as_json(self):
        """Return the version as it stands in a key."""
        return {"id": self.id, "creationDate": date_text(self.created)}


class Key:
    """One key; a root key has versions, a standard key a sealed payload."""

    def __init__(self, name, extractable, created, created_by):
        self.id = str(uuid.uuid4())
        self.name = name
        self.description = ""
        self.tags = []
        self.aliases = []
        self.extractable = extractable
        self.imported = False
        self.stored_state = ACTIVE
        self.created = created
        self.created_by = created_by
        self.updated = self.rotated = self.expires = None
        self.ring = "default"
        self.deleted_at = self.deleted_by = None
        self.versions = []
        self.sealed = None
        self.dual_auth = False
        self.set_for_deletion_until = None
        self.policies = {}
        self.changed = self.synced = None
        self.listed_from = 0.0
        self.bits = 256

    def state(self, now):
        """Return the state, with expiration taken into account."""
        if self.stored_state in (ACTIVE, SUSPENDED) and self.expires is not None and self.expires <= now:
            return DEACTIVATED
        return self.stored_state


class Instance:
    """One instance of the service."""

    def __init__(self, clock, settings, region, hpcs):
        self.clock = clock
        self.settings = settings
        self.region = region
        self.hpcs = hpcs
        self.id = str(uuid.uuid4())
        self.account = uuid.uuid4().hex
        self.vault = Vault()
        self.keys = {}
        self.aliases = {}
        self.rings = {"default": {"id": "default"}}
        self.policies = {}
        self.registrations = []
        self.import_token = None
        self.adapters = {}

    def crn(self, key):
        """Return the cloud resource name of a key."""
        return "crn:v1:bluemix:public:%s:%s:a/%s:%s:key:%s" % (
            "hs-crypto" if self.hpcs else "kms", self.region, self.account, self.id, key.id)

    # ---- finding ----

    def sweep(self, key):
        """Purge a key that was deleted long enough ago; tell whether it was."""
        if key.deleted_at is not None and self.clock.now() >= key.deleted_at + self.clock.wait(AUTO_PURGE):
            self.purge(key)
            return True
        return False

    def find(self, id_or_alias, ring=None):
        """Return the key with this ID or alias, in this ring if one is named."""
        key = self.keys.get(id_or_alias) or self.keys.get(self.aliases.get(id_or_alias))
        if key is None or (ring and key.ring != ring) or self.sweep(key):
            raise Refusal("KEY_NOT_FOUND_ERR")
        return key

    # ---- aliases ----

    def check_alias(self, alias, owner=None):
        """Refuse an alias that is not well formed or that another living key has."""
        if not ALIAS.fullmatch(alias) or UUID.fullmatch(alias) or alias.lower() in RESERVED:
            raise bad_field("aliases", "2 to 90 characters of A-Z, a-z, 0-9, - and _, no UUID and no reserved word")
        holder = self.keys.get(self.aliases.get(alias))
        if holder is not None and holder is not owner and holder.stored_state != DESTROYED:
            raise Refusal("KEY_ALIAS_NOT_UNIQUE_ERR")

    def add_alias(self, key, alias):
        """Give a checked alias to a key; a destroyed key loses it."""
        holder = self.keys.get(self.aliases.get(alias))
        if holder is not None and holder is not key:
            holder.aliases.remove(alias)
        self.aliases[alias] = key.id
        if alias not in key.aliases:
            key.aliases.append(alias)

    # ---- life of a key ----

    def add_key(self, key, payload, aliases=()):
        """Put a new key into the instance; without a payload the service makes 32 random bytes."""
        key.imported = payload is not None
        material = os.urandom(32) if payload is None else payload
        key.bits = 8 * len(material)
        if key.extractable:
            key.sealed = self.vault.seal(material, key.id)
        else:
            key.versions.append(Version(material, key.created))
        key.listed_from = time.monotonic() + self.settings.list_lag_ms / 1000
        self.keys[key.id] = key
        for alias in aliases:
            self.add_alias(key, alias)
        return key

    def touch(self, key):
        """Note that a key was changed now."""
        key.updated = self.clock.now()

    def change_state(self, key, state):
        """Set the state of a key without asking."""
        key.stored_state = state
        key.changed = self.clock.now()
        self.touch(key)

    def delete(self, key, deleted_by):
        """Destroy a key without asking; it can be restored for a time."""
        self.change_state(key, DESTROYED)
        key.deleted_at = key.changed
        key.deleted_by = deleted_by
        key.set_for_deletion_until = None

    def restore(self, key):
        """Bring a key back without asking."""
        self.change_state(key, ACTIVE)
        key.deleted_at = key.deleted_by = None

    def purge(self, key):
        """Forget a key and all its material."""
        for alias in key.aliases:
            if self.aliases.get(alias) == key.id:
                del self.aliases[alias]
        self.registrations = [one for one in self.registrations if one["keyId"] != key.id]
        key.versions.clear()
        key.sealed = None
        self.keys.pop(key.id, None)

    def rotate(self, key, material=None):
        """Give a root key a new version without asking."""
        now = self.clock.now()
        key.versions.append(Version(material or os.urandom(32), now))
        key.bits = 8 * len(key.versions[-1].material)
        key.rotated = key.updated = now

    # ---- JSON ----

    def key_json(self, key):
        """Return a key as Key Protect shows it, without payload."""
        now, clock = self.clock.now(), self.clock
        state = key.state(now)
        mode = "CBC_PAD" if self.hpcs else "Deprecated"
        shown = {"type": KEY_TYPE, "id": key.id, "name": key.name}
        if key.aliases:
            shown["aliases"] = list(key.aliases)
        if key.description:
            shown["description"] = key.description
        if key.tags:
            shown["tags"] = list(key.tags)
        shown["state"] = state
        if key.expires is not None:
            shown["expirationDate"] = date_text(key.expires)
        shown.update(extractable=key.extractable, crn=self.crn(key), imported=key.imported, keyRingID=key.ring,
                     creationDate=date_text(key.created), createdBy=key.created_by,
                     algorithmType="AES" if self.hpcs else "Deprecated",
                     algorithmMetadata={"bitLength": str(key.bits), "mode": mode},
                     algorithmBitSize=key.bits, algorithmMode=mode)
        if state in (SUSPENDED, DEACTIVATED, DESTROYED):
            shown["nonactiveStateReason"] = state
        if key.updated is not None:
            shown["lastUpdateDate"] = date_text(key.updated)
        if key.rotated is not None:
            shown["lastRotateDate"] = date_text(key.rotated)
        if key.versions and state != DESTROYED:
            shown["keyVersion"] = key.versions[-1].as_json()
        shown["dualAuthDelete"] = self.dual_auth_json(key)
        if "rotation" in key.policies:
            shown["rotation"] = dict(key.policies["rotation"]["rotation"])
        shown["deleted"] = key.deleted_at is not None
        if key.deleted_at is not None:
            purge_from = key.deleted_at + clock.wait(PURGE_WAIT)
            restore_until = key.deleted_at + clock.wait(RESTORE_LIMIT)
            shown.update(deletionDate=date_text(key.deleted_at), deletedBy=key.deleted_by,
                         restoreExpirationDate=date_text(restore_until), restoreAllowed=now < restore_until,
                         purgeAllowed=now >= purge_from, purgeAllowedFrom=date_text(purge_from),
                         purgeScheduledOn=date_text(key.deleted_at + clock.wait(AUTO_PURGE)))
        return shown

    def dual_auth_json(self, key):
        """Return the dual authorization of a key."""
        if not key.dual_auth:
            return {"enabled": False}
        shown = {"enabled": True, "keySetForDeletion": self.is_set_for_deletion(key)}
        if shown["keySetForDeletion"]:
            shown["authExpiration"] = date_text(key.set_for_deletion_until)
        return shown

    def is_set_for_deletion(self, key):
        """Tell whether a first authorization to delete the key is in force."""
        return key.set_for_deletion_until is not None and self.clock.now() < key.set_for_deletion_until
