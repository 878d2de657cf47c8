"""Numbers, durations, moments and plurals as people read them, text as a terminal can show it, lines about waiting.

There is one wording for every command and report.
"""

from nas.words.numbers import number, plural, short_count
from nas.words.terminal import one_line, printable, printable_messages, printable_output, rewrite_line, warn
from nas.words.times import duration, moment
from nas.words.waiting import Countdown, log_lines, said_when_slow

__all__ = [
    "Countdown",
    "duration",
    "log_lines",
    "moment",
    "number",
    "one_line",
    "plural",
    "printable",
    "printable_messages",
    "printable_output",
    "rewrite_line",
    "said_when_slow",
    "short_count",
    "warn",
]
