# SPDX-License-Identifier: Apache-2.0
"""The time of the server, as far as its Time Stamps tell it."""

import time

# The test cases say $NOW+120 where they wait for a date to pass.
NEAR_FUTURE = 120


class Clock:
    """Turns moments into dates and judges the dates of the server."""

    def __init__(self, near=NEAR_FUTURE, tolerance=5, source=time.time):
        self._source = source
        self._near = near
        self._tolerance = tolerance
        self._skew = 0
        self._start = int(source())

    def now(self):
        """Return the time of the server in whole seconds."""
        return int(self._source()) + self._skew

    def observe(self, time_stamp):
        """Learn the time of the server from the Time Stamp of an answer.

        A second of difference is only the rounding of one of the clocks.
        """
        difference = time_stamp - int(self._source())
        self._skew = difference if abs(difference) > 1 else 0

    def date(self, moment):
        """Return the date which a moment is now.

        The near future may be shorter than the test cases have it, to save waiting.
        """
        near = moment.offset == NEAR_FUTURE
        return self.now() + (self._near if near else moment.offset)

    def is_moment(self, seconds, moment):
        """Tell whether a date is the moment, give or take the time that messages need."""
        return abs(seconds - self.date(moment)) <= self._tolerance

    def is_since_start(self, seconds):
        """Tell whether a date lies between the start of the run and now."""
        earliest = self._start + self._skew - self._tolerance
        return earliest <= seconds <= self.now() + self._tolerance

    def patience(self):
        """Return how many seconds to wait for a date in the near future to pass."""
        return self._near + 30
