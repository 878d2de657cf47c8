"""Numbers and counts as people read them."""

from __future__ import annotations

NO_VALUE = "\u2013"
"""Stands where there is no value."""


def number(value: float | None, digits: int = 3) -> str:
    """A value with a fixed number of decimals, ``"0.250"``, or without from 1000 on, ``"1,250"``; a dash for None."""
    if value is None:
        return NO_VALUE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def short_count(value: float) -> str:
    """A large count in thousands (k), millions (M) or billions (B), with three digits: ``"28.5 M"``."""
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f}"


def plural(count: int, noun: str) -> str:
    """A count with its noun: ``"1 trial"``, ``"2 trials"``, ``"1,000 trials"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
