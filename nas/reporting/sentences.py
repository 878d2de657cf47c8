"""Sentences about a run: how far it is, what its numbers can and cannot show, what the metrics of a controller say."""

from __future__ import annotations

from collections.abc import Iterable

from nas.engine.trial import TrialState
from nas.reporting.summary import Sample, Summary
from nas.words import plural
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
    return f"The search is not finished: {done} evaluated; resume=true goes on with it."


def limits(summary: Summary) -> list[str]:
    """What the numbers can and cannot show, judged by the number of samples and the size of the proxy task."""
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
