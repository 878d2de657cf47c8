"""Sentences about a run: how far it is, what its numbers can and cannot show, what the metrics of a controller say."""

from __future__ import annotations

from collections.abc import Iterable

from nas.engine.costs import Costed
from nas.engine.trial import TrialState
from nas.reporting.answer import Answer
from nas.reporting.summary import Sample, Summary
from nas.statistics import Interval
from nas.words import number, plural, short_count
from nas.words.numbers import NO_VALUE
from proxies.base import Measurement

METRICS = {
    "updates": "how often the controller has learnt from a batch of rewards",
    "entropy": "how open its decisions still are, in nats per decision; 0 when all are settled",
    "baseline": "the moving average of the rewards, which a reward must exceed to be encouraged",
    "approx_kl": "how far an update moved the policy, in nats per decision",
    "clip_fraction": "the share of decisions that an update moved beyond the clip of PPO",
}
"""Metric of a controller -> what it says."""


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
    if summary.checks_left:
        left = plural(summary.checks_left, "check")
        return f"The search is not finished: {done} evaluated, {left} left; if it was stopped, resume=true goes on."
    return f"The search is not finished: {done} evaluated; resume=true goes on with it."


def what_is_not_a_sample(summary: Summary) -> str:
    """What the figure of the rewards shows fainter, or not at all, and why; empty where it shows everything."""
    known, filtered, stopped = (
        summary.counts[state] for state in (TrialState.DUPLICATE, TrialState.FILTERED, TrialState.STOPPED)
    )
    sentences = []
    if stopped:
        sentences.append(
            f"{plural(stopped, 'trial')} stopped early, at a step where others were better: the reward is of lower "
            "fidelity, drawn in grey, in no mean, and told to no controller."
        )
    if filtered:
        sentences.append(f"{plural(filtered, 'architecture')} filtered out before training, so no dot is drawn.")
    if known:
        sentences.append(
            f"{plural(known, 'proposal')} met a known architecture; nothing new was measured, so no dot is drawn."
        )
    return " ".join(sentences)


def limits(summary: Summary, chosen: bool = False) -> list[str]:
    """What the numbers can and cannot show, judged by the number of samples and the size of the proxy task.

    Args:
        chosen: whether the finalists have chosen a winner, and it was measured with further seeds.
    """
    count = summary.counts[TrialState.COMPLETE]
    if summary.best is None or not count:
        return ["There is no complete trial yet, so there is nothing to conclude."]
    if count == 1:
        return ["One sample has nothing to be compared with.", _proxy_sentence(summary.best)]
    lucky = f"The best of {plural(count, 'sample')} is the largest of that many noisy measurements, so its reward is "
    lucky += "too high on average; "
    lucky += (
        "the AP of the winner comes from further seeds, which have chosen nothing."
        if chosen
        else "train the best architectures again with other seeds before comparing them."
    )
    sentences = [lucky]
    if count < 1000:
        sentences.append(
            f"The paper's search took about 14,000 samples; {count:,} show that the loop works and how widely "
            "architectures differ, not what the space can give."
        )
    sentences.append(_proxy_sentence(summary.best))
    return sentences


def comparisons(found: Answer) -> list[str]:
    """Whether the winner beats each reference by more than the interval; nothing without a winner."""
    if found.winner is None:
        return []
    sentences = []
    for one in found.references:
        in_ap = found.difference_in_ap(one) if found.by_reward else None
        beside = "" if in_ap is None else f" Beside that it has {_more(in_ap, found.value_name)}."
        sentences.append(_comparison(one.name, found.difference(one), found.chosen_name) + beside)
    return sentences


def _more(difference: Interval, name: str) -> str:
    return f"{number(abs(difference.estimate))} {name} {'more' if difference.estimate >= 0 else 'less'}"


def _comparison(name: str, difference: Interval | None, value_name: str) -> str:
    if difference is None:
        return f"The winner cannot be compared with {name}: no seed was measured with both."
    more = _more(difference, value_name)
    if not difference.has_ends:
        return f"One seed does not show whether the winner beats {name}: {more}, and one seed has no interval."
    pairs = f"95 % interval {difference.low:+,.3f} to {difference.high:+,.3f}, {difference.count} seeds"
    if difference.low > 0:
        return f"The winner beats {name} by more than the interval: {more} ({pairs})."
    if difference.high < 0:
        return f"{name} beats the winner by more than the interval: {more} ({pairs})."
    return f"Whether the winner beats {name} is not shown: {more} ({pairs})."


def estimate_text(value: Interval | None) -> str:
    """``"0.281 (0.262 to 0.300, 3 seeds)"``; a dash for None."""
    if value is None or not value.has_ends:
        return NO_VALUE if value is None else f"{number(value.estimate)} (1 seed)"
    return f"{number(value.estimate)} ({number(value.low)} to {number(value.high)}, {value.count} seeds)"


def cost_text(cost: Costed | None) -> str:
    """What the full-size detector costs, ``"85.2 B multiply-adds, 28.3 M parameters, 612 ms"``; empty for None."""
    if cost is None:
        return ""
    milliseconds = "" if cost.milliseconds is None else f", {cost.milliseconds:,.0f} ms"
    return f"{short_count(cost.multiply_adds)} multiply-adds, {short_count(cost.params)} parameters{milliseconds}"


def _proxy_sentence(best: Sample) -> str:
    measured = best.trial.measurement
    budget = measured.budget if measured else None
    if measured and measured.score:
        return _score_sentence(measured)
    if budget is None or not budget.steps:
        return "The reward does not come from training a detector, so it says nothing about detection."
    return (
        f"Every architecture was trained small and short ({budget.steps:,} steps of {budget.batch_size} images at "
        f"{budget.image_size} px; AP on {plural(budget.eval_images, 'image')} held out of the training split): "
        "such an AP ranks architectures; it does not foretell the AP of full training."
    )


def _score_sentence(measured: Measurement) -> str:
    budget, whose = measured.budget, "untrained detectors"
    if budget.steps:
        trained = f"{budget.steps:,} steps of {budget.batch_size} images at {budget.image_size} px"
        whose = f"small detectors after {trained}"
    return (
        f"The reward is the score {measured.value_name} of {whose}, and no AP; how far it ranks architectures as "
        "training does must be measured before its order is trusted."
    )


def metrics_sentences(names: Iterable[str]) -> str:
    """What a figure of the metrics of those names shows; a name that is not known here stays unexplained."""
    shown = "What the controller reported whenever it had learnt something."
    meanings = "; ".join(f"{name}: {METRICS[name]}" for name in names if name in METRICS)
    return f"{shown} {meanings}." if meanings else shown
