"""Numbers, times and settings as people read them; and what a run's numbers can and cannot show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from nas.engine.record import TrialState
from nas.reporting.summary import Sample, Summary


def number(value: float | None, digits: int = 3) -> str:
    """A value with fixed digits; a dash when there is none."""
    return "\u2013" if value is None else f"{value:.{digits}f}"


def short_count(value: float) -> str:
    """A large count in thousands (k), millions (M) or billions (B), three digits."""
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Seconds as ``4.2 s``, ``42 s``, ``12 min``, ``5.2 h`` or ``3.1 days``."""
    for scale, unit, below in ((1, "s", 120), (60, "min", 120), (3600, "h", 48)):
        if seconds / scale < below:
            return f"{seconds / scale:.{1 if seconds / scale < 9.95 else 0}f} {unit}"
    return f"{seconds / 86400:.1f} days"


def moment(seconds: float) -> str:
    """A Unix time as date and time in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def plural(count: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value) of nested settings, the form in which they are typed on the command line."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "null" if value is None else str(value)


def essentials(config: Mapping[str, Any]) -> dict[str, Any]:
    """The names of the parts of a search, its number of samples and its seed."""
    parts = {key: config[key] for key in ("space", "controller", "proxy", "data", "samples", "seed") if key in config}
    return {key: value.get("name") if isinstance(value, Mapping) else value for key, value in parts.items()}


def state_sentence(summary: Summary) -> str:
    """How far the search is, as far as a record can say."""
    done = plural(summary.evaluated, "architecture")
    if summary.wanted is not None:
        done = f"{summary.evaluated:,} of {plural(summary.wanted, 'architecture')}"
    if summary.state == "empty":
        return "No trial has been recorded yet."
    if summary.state == "finished":
        return f"The search is finished: {done} evaluated."
    if summary.state == "under way":
        running = plural(summary.counts[TrialState.RUNNING], "trial")
        return f"The search is under way: {done} evaluated, {running} running (or cut off, if the search was stopped)."
    return f"The search is not finished: {done} evaluated; resume=true goes on with it."


def limits(summary: Summary) -> list[str]:
    """Sentences on what the numbers can and cannot show, from the number of samples and the size of the proxy."""
    count = summary.counts[TrialState.COMPLETE]
    if summary.best is None or not count:
        return ["There is no complete trial yet, so there is nothing to conclude."]
    if count == 1:
        return ["One sample has nothing to be compared with.", _proxy_sentence(summary.best)]
    sentences = [
        f"The best of {plural(count, 'sample')} is the largest of that many noisy measurements, so its reward is "
        "too high on average; train the best architectures again with other seeds before comparing them.",
    ]
    if count < 1000:
        sentences.append(
            f"The paper's search took about 14,000 samples; {count:,} show that the loop works and how widely "
            "architectures differ, not what the space can give."
        )
    sentences.append(_proxy_sentence(summary.best))
    return sentences


def _proxy_sentence(best: Sample) -> str:
    budget = best.trial.measurement.budget if best.trial.measurement else None
    if budget is None or not budget.steps:
        return "The reward does not come from training a detector, so it says nothing about detection."
    return (
        f"Every architecture was trained small and short ({budget.steps:,} steps of {budget.batch_size} images at "
        f"{budget.image_size} px; AP on {plural(budget.eval_images, 'image')} held out of the training split): "
        "such an AP ranks architectures, it does not foretell the AP of full training."
    )
