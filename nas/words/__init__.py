"""Numbers, durations, moments and plurals as people read them; one wording for every command and report."""

from nas.words.numbers import number, plural, short_count
from nas.words.times import duration, moment

__all__ = ["duration", "moment", "number", "plural", "short_count"]
