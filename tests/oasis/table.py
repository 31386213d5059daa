# SPDX-License-Identifier: Apache-2.0
"""Tables in text files: columns between bars, and # for a comment line.

The first column of every table is `version pattern`, which selects test cases: the
version is 1.0 to 1.4 or *, and the pattern is compared with the case name as a shell does.
"""

from dataclasses import dataclass
import fnmatch
import pathlib


class BadTable(Exception):
    """A line does not have the columns of its table."""


@dataclass
class Row:
    """One line: which cases it is about, and its further columns."""

    version: str
    pattern: str
    columns: list

    def selects(self, case):
        """Tell whether the line is about this case."""
        return (self.version in ("*", case.version())
                and fnmatch.fnmatchcase(case.name, self.pattern))


def _row(line, width):
    selection, *columns = [column.strip() for column in line.split("|", width)]
    if len(columns) != width or len(selection.split()) != 2:
        raise BadTable(line)
    version, pattern = selection.split()
    return Row(version, pattern, columns)


def parse_table(text, width):
    """Return the rows of a text, each with this number of columns after the first."""
    lines = (line.strip() for line in text.splitlines())
    return [_row(line, width) for line in lines if line and not line.startswith("#")]


def read_table(path, width):
    """Return the rows of a file."""
    return parse_table(pathlib.Path(path).read_text(encoding="utf-8"), width)


def reason(rows, case):
    """Return the last column of the first row about the case, or None."""
    return next((row.columns[-1] for row in rows if row.selects(case)), None)
