# SPDX-License-Identifier: Apache-2.0
"""The emulator's clock: it can be set ahead, and it shortens the waiting times of Key Protect."""

import time

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """Seconds since 1970, and how long Key Protect's rules last here."""

    def __init__(self, scale=1.0):
        self.scale = scale
        self.ahead = 0.0

    def now(self):
        """Return the time of this cloud, in seconds since 1970."""
        return time.time() + self.ahead

    def wait(self, seconds):
        """Return how long a rule of so many seconds lasts here."""
        return seconds / self.scale


def date_text(seconds):
    """Return a time as Key Protect writes it: RFC 3339, UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def go_text(seconds):
    """Return a time as it stands in Key Protect's error texts."""
    return time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(seconds))


def http_text(seconds):
    """Return a time for the header Date."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))
