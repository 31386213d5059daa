# SPDX-License-Identifier: Apache-2.0
"""What can be set at run time through the control port."""

VALUES = {
    # name: (default, check)
    "round_trip_ms": (0, lambda value: isinstance(value, (int, float)) and value >= 0),
    "scale": (1.0, lambda value: isinstance(value, (int, float)) and value > 0),
    "token_lifetime": (3600, lambda value: isinstance(value, (int, float)) and value > 0),
    "tokens_outlive_api_key": (True, lambda value: isinstance(value, bool)),
    "expired_token_status": (400, lambda value: value in (400, 401)),
    "certificate": ("good", lambda value: value in ("good", "untrusted", "expired", "other-name")),
    "tls_newest": ("1.3", lambda value: value in ("1.2", "1.3")),
    "accepting": ("yes", lambda value: value in ("yes", "hang", "refuse", "reset")),
    "list_lag_ms": (0, lambda value: isinstance(value, (int, float)) and value >= 0),
    "date_skew": (0, lambda value: isinstance(value, (int, float))),
    "send_date": (True, lambda value: isinstance(value, bool)),
    "chunked": (False, lambda value: isinstance(value, bool)),
    "idle_close_ms": (0, lambda value: isinstance(value, (int, float)) and value >= 0),
    "network": ("public", lambda value: value in ("public", "private")),
    "destroyed_payload": (False, lambda value: isinstance(value, bool)),
    "restore_generated": (True, lambda value: isinstance(value, bool)),
}


class Settings:
    """The values, as attributes."""

    def __init__(self):
        for name, (default, _) in VALUES.items():
            setattr(self, name, default)

    def change(self, wanted):
        """Set some values; ValueError names what is wrong, and then nothing is set."""
        for name, value in wanted.items():
            if name not in VALUES:
                raise ValueError("unknown setting %s; known: %s" % (name, ", ".join(sorted(VALUES))))
            if not VALUES[name][1](value) or (isinstance(value, bool) and not isinstance(VALUES[name][0], bool)):
                raise ValueError("setting %s cannot be %r" % (name, value))
        for name, value in wanted.items():
            setattr(self, name, value)

    def as_json(self):
        """Return all values."""
        return {name: getattr(self, name) for name in VALUES}
