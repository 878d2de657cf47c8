"""Durations and moments as people read them."""

from __future__ import annotations

import time

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """A duration in seconds as ``"4.2 s"``, ``"45 s"``, ``"12 min"``, ``"3 h 05 min"`` or ``"2.1 days"``.

    The unit changes at 90 seconds, 90 minutes and 48 hours; decimals are given below 10 seconds and for days.
    """
    if seconds < 90:
        return f"{seconds:.{1 if seconds < 9.95 else 0}f} s"
    minutes = round(seconds / MINUTE)
    if minutes < 90:
        return f"{minutes} min"
    if seconds < 48 * HOUR:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{seconds / DAY:.1f} days"


def moment(seconds: float) -> str:
    """A Unix time, in seconds, as date and time in UTC: ``"2026-03-01 14:05 UTC"``."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
