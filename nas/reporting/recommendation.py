"""AP against what the full-size detector costs: the points, their front, its knee, and which one to take.

Numbers only, from the record. The AP of a point is that of the search's own budget, which all of them have. An AP of
longer training is compared with others of longer training alone, over the same seeds where both have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from nas.engine.record import Run
from nas.reporting.answer import Answer, Measured, answer, longer_words, paired
from nas.reporting.summary import samples
from nas.words import short_count
from proxies.reward import IMAGE_SIZE
from search_spaces.architecture import Architecture
from search_spaces.settings import SettingError, boolean, integer, positive

Axis = Literal["multiply_adds", "milliseconds"]


@dataclass(frozen=True, slots=True)
class RecommendSettings:
    """Which architecture to recommend.

    Attributes:
        max_milliseconds: the full-size detector may take no longer for one image on this machine; None: no limit.
        max_multiply_adds: and need no more of these; None: no limit. Without both the knee is recommended.
        image_size: side of the images in pixels.
        measure: whether the end of a search measures milliseconds.

    Raises:
        ConfigError: a value has the wrong type or is out of range.
    """

    max_milliseconds: float | None = None
    max_multiply_adds: float | None = None
    image_size: int = IMAGE_SIZE
    measure: bool = True

    def __post_init__(self) -> None:
        if self.max_milliseconds is not None:
            positive("max_milliseconds", self.max_milliseconds)
        if self.max_multiply_adds is not None:
            positive("max_multiply_adds", self.max_multiply_adds)
        integer("image_size", self.image_size, 1)
        boolean("measure", self.measure)
        if self.max_milliseconds is not None and not self.measure:
            raise SettingError("measure", "is false; max_milliseconds needs it to be true.")

    @property
    def limits(self) -> dict[Axis, float]:
        """The limits that are set."""
        wanted: dict[Axis, float | None] = {
            "multiply_adds": self.max_multiply_adds,
            "milliseconds": self.max_milliseconds,
        }
        return {axis: bound for axis, bound in wanted.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class Point:
    """An architecture in the picture of AP against cost.

    Attributes:
        name: ``trial 12``, or that of a reference.
        architecture: what was measured.
        ap: at the search's own budget.
        longer: AP with the longer training; None for all but finalists and references.
        multiply_adds: of the full-size detector for one image; in :func:`proxy_points`, of the proxy's.
        milliseconds: what that took on the machine of the search; None where it was not measured.
        is_reference: whether it is none of the search's own.
    """

    name: str
    architecture: Architecture
    ap: float
    longer: Measured | None
    multiply_adds: int
    milliseconds: float | None
    is_reference: bool = False

    def cost(self, axis: Axis) -> float:
        """Its place on one of the axes; only points that were measured have milliseconds."""
        return self.multiply_adds if axis == "multiply_adds" or self.milliseconds is None else self.milliseconds


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to take.

    Attributes:
        point: the recommended architecture; None where nothing meets the limits.
        why: what distinguishes it, ``"the knee of the front"``; or what is wrong, as a sentence that names the nearest.
        times: how many times as long as a trial's the longer training is.
    """

    point: Point | None
    why: str
    times: float = 1.0

    @property
    def longer(self) -> float | None:
        """AP of the point with the longer training, where it has one."""
        return None if self.point is None or self.point.longer is None else _mean(self.point.longer)


def points(run: Run) -> list[Point]:
    """The complete trials and the references whose full-size detector was counted, trials first."""
    found = answer(run)
    known = {one.architecture.fingerprint: one for one in (*found.finalists, *found.references)}
    size = _recorded(run).image_size
    costs = {cost.fingerprint: cost for cost in run.costs if cost.image_size == size}
    result = []
    for sample in samples(run):
        measured, cost = sample.trial.measurement, costs.get(sample.trial.fingerprint)
        if measured is not None and measured.ap is not None and cost is not None:
            longer = _longer(known[sample.trial.fingerprint].ap) if sample.trial.fingerprint in known else None
            name = f"trial {sample.trial.number}"
            result.append(Point(name, sample.architecture, measured.ap, longer, cost.multiply_adds, cost.milliseconds))
    for one in found.references:
        if (ap := one.ap.as_trial) is not None and (cost := one.cost) is not None:
            longer = _longer(one.ap)
            result.append(
                Point(one.name, one.architecture, ap, longer, cost.multiply_adds, cost.milliseconds, is_reference=True)
            )
    return result


def proxy_points(run: Run) -> list[Point]:
    """The complete trials that have an AP, with the multiply-adds of the proxy's own detector for one of its images."""
    return [
        Point(f"trial {sample.trial.number}", sample.architecture, measured.ap, None, measured.multiply_adds, None)
        for sample in samples(run)
        if (measured := sample.trial.measurement) is not None and measured.ap is not None
    ]


def front(all_points: Iterable[Point], axis: Axis = "multiply_adds") -> list[Point]:
    """The points that no other equals or beats in both cost and AP, the cheapest first; of equal ones, the first."""
    measured = [point for point in all_points if axis == "multiply_adds" or point.milliseconds is not None]
    found: list[Point] = []
    for point in sorted(measured, key=lambda point: (point.cost(axis), -point.ap)):
        if not found or point.ap > found[-1].ap:
            found.append(point)
    return found


def knee(of_front: Sequence[Point], axis: Axis = "multiply_adds") -> Point | None:
    """The point of a front farthest above the line between its ends, with both axes scaled to the front's extent.

    The last, the one of the highest AP, where the front has fewer than three points or none of them is above the line.
    """
    if not of_front:
        return None
    first, last = of_front[0], of_front[-1]

    def above(point: Point) -> float:
        dear = (point.cost(axis) - first.cost(axis)) / (last.cost(axis) - first.cost(axis))
        return (point.ap - first.ap) / (last.ap - first.ap) - dear

    inner = [point for point in of_front[1:-1] if above(point) > 0]
    return max(inner, key=above) if inner else last


def to_time(run: Run) -> list[Architecture]:
    """The architectures whose milliseconds matter: winner, references, finalists, and the front, each once."""
    found: Answer = answer(run)
    contenders = [*([found.winner] if found.winner else []), *found.references, *found.finalists]
    wanted = [one.architecture for one in contenders]
    wanted += [point.architecture for point in reversed(front(points(run)))]
    return list({one.fingerprint: one for one in wanted}.values())


def limits(run: Run) -> dict[Axis, float]:
    """The limits that the settings of the last session set."""
    return _recorded(run).limits


def recommend(run: Run) -> Recommendation | None:
    """What the last session's settings recommend; None without a limit where no full-size detector was counted.

    Within limits it is the best by AP: where one of the search's own was trained longer and meets them, of those that
    were, references included; otherwise of all at the budget of a trial, which every one of them had.
    """
    bounds, every, times = limits(run), points(run), answer(run).times
    if not bounds:
        why = "the knee of the front of AP against multiply-adds at the budget of a trial"
        return Recommendation(knee(front(every)), why, times) if every else None
    words = " and ".join(f"{_amount(bound, axis)} at most" for axis, bound in bounds.items())
    candidates = [point for point in every if "milliseconds" not in bounds or point.milliseconds is not None]
    if not candidates:
        what = "milliseconds were measured" if every else "full-size detector was counted"
        return Recommendation(None, f"nothing is known to need {words}: no {what}.")
    meeting = [point for point in candidates if _excess(point, bounds) <= 1]
    if meeting:
        longer = [point for point in meeting if point.longer is not None]
        if all(point.is_reference for point in longer) and len(longer) < len(meeting):
            best = max(meeting, key=lambda point: point.ap)
            return Recommendation(best, f"the best with {words}, by AP at the budget of a trial", times)
        why = f"the best with {words}, by AP with {longer_words(times)}"
        return Recommendation(_best_of_longer(longer), why, times)
    nearest = min(candidates, key=lambda point: _excess(point, bounds))
    needs = " and ".join(_amount(nearest.cost(axis), axis) for axis in bounds)
    return Recommendation(None, f"no architecture has {words}; the nearest is {nearest.name} with {needs}.")


def _excess(point: Point, bounds: dict[Axis, float]) -> float:
    """How many times the tightest limit a point costs; at most 1 where it meets all."""
    return max(point.cost(axis) / bound for axis, bound in bounds.items())


def _amount(value: float, axis: Axis) -> str:
    return f"{value:,.0f} ms" if axis == "milliseconds" else f"{short_count(value)} multiply-adds"


def _best_of_longer(candidates: Sequence[Point]) -> Point:
    """The best of those that were trained longer; the search's own, which come first, have common seeds."""
    best = candidates[0]
    for point in candidates[1:]:
        if _lead(point, best) > 0:
            best = point
    return best


def _lead(point: Point, other: Point) -> float:
    """How much better the one is with longer training: over common seeds, or where they have none, by their means."""
    assert point.longer is not None
    assert other.longer is not None
    difference = paired(point.longer, other.longer)
    return _mean(point.longer) - _mean(other.longer) if difference is None else difference.estimate


def _longer(measured: Measured) -> Measured | None:
    """What was measured, where there was a longer training."""
    return None if measured.longer is None else measured


def _mean(measured: Measured) -> float:
    assert measured.longer is not None
    return measured.longer.estimate


def _recorded(run: Run) -> RecommendSettings:
    config = run.sessions[-1].config if run.sessions else {}
    return RecommendSettings(**config.get("recommend", {}))
