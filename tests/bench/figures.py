# SPDX-License-Identifier: Apache-2.0
"""The figures of all rounds, and the one table that is made of them."""

import statistics

COLUMNS = ["ours", "echo", "openssl", "pykmip"]
TITLE_WIDTH = 42
COLUMN_WIDTH = 10
RATIO_WIDTH = 24
NOT_JUDGED = ("", "", "")


class Figures:
    """Values by what was measured and of whom, one a window."""

    def __init__(self):
        self._values = {}

    def add(self, what, whom, value):
        self._values.setdefault((what, whom), []).append(value)

    def all(self, what, whom):
        return self._values.get((what, whom), [])

    def median(self, what, whom):
        values = self._values.get((what, whom))
        return statistics.median(values) if values else None

    def cost(self, what, whom):
        """The lower quartile: whatever else runs on the machine can make a window only dearer, never cheaper."""
        values = self._values.get((what, whom))
        return sorted(values)[len(values) // 4] if values else None

    def ratio(self, what, over, under):
        """Of two costs."""
        upper, lower = self.cost(what, over), self.cost(what, under)
        return upper / lower if upper is not None and lower else None


def number(value):
    """Three digits that matter, or all before the point."""
    if value is None:
        return "-"
    if value >= 100:
        return "{:,.0f}".format(value)
    return "{:.1f}".format(value) if value >= 10 else "{:.2f}".format(value)


class Table:
    """Rows of figures; a row may carry a ratio and the bound that it must keep."""

    def __init__(self, figures, columns=None):
        self.figures = figures
        self.columns = columns or COLUMNS
        self.lines = []
        self.kept = self.over = self.missing = 0

    def _line(self, title, cells, judged):
        text = title.ljust(TITLE_WIDTH) + "".join(cell.rjust(COLUMN_WIDTH) for cell in cells)
        ratio, bound, verdict = judged
        self.lines.append((text + ratio.rjust(RATIO_WIDTH) + bound.rjust(COLUMN_WIDTH) + "  " + verdict).rstrip())

    def heading(self, title):
        if self.lines:
            self.lines.append("")
        self._line(title, self.columns, ("ratio", "bound", ""))

    def row(self, title, what, judged=NOT_JUDGED):
        self._line(title, [number(self.figures.median(what, whom)) for whom in self.columns], judged)

    def cost_row(self, title, what, judged=NOT_JUDGED):
        self._line(title, [number(self.figures.cost(what, whom)) for whom in self.columns], judged)

    def single(self, title, value, judged=NOT_JUDGED):
        self._line(title, [number(value)] + [""] * (len(self.columns) - 1), judged)

    def judged(self, title, judged):
        """A row of nothing but a ratio and its bound."""
        self._line(title, [""] * len(self.columns), judged)

    def at_most(self, value, limit, unit):
        """A bound from above, for the end of a row; counted."""
        return self._judge(value, limit, unit, "<= ", lambda: value <= limit)

    def at_least(self, value, limit, unit):
        return self._judge(value, limit, unit, ">= ", lambda: value >= limit)

    def _judge(self, value, limit, unit, sign, keeps):
        if value is None or limit is None:
            self.missing += 1
            return "- " + unit, sign + number(limit), "not measured"
        kept = keeps()
        self.kept += kept
        self.over += not kept
        return "%s %s" % (number(value), unit), sign + number(limit), "ok" if kept else "OVER"

    def print(self):
        print("\n".join(self.lines))
