"""Numbers, durations, moments and plurals as people read them, and text as a terminal can show it.

There is one wording for every command and report.
"""

from nas.words.numbers import number, plural, short_count
from nas.words.terminal import one_line, printable, printable_output, rewrite_line
from nas.words.times import duration, moment

__all__ = [
    "duration",
    "moment",
    "number",
    "one_line",
    "plural",
    "printable",
    "printable_output",
    "rewrite_line",
    "short_count",
]
