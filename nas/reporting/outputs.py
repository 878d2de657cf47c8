"""What a run folder holds beside its record: best.json, recommended.json, best.png, reward.png, report.html."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.engine.baseline import Baseline
from nas.engine.record import Run
from nas.reporting.answer import Answer, answer, recommended_size
from nas.reporting.configuration import essentials
from nas.reporting.figures import draw_rewards
from nas.reporting.page import write_report
from nas.reporting.recommendation import Point, Recommendation, recommend
from nas.reporting.summary import Sample
from nas.statistics import Interval
from nas.words import number, one_line
from search_spaces.architecture import Architecture, dumps
from search_spaces.drawing import draw

RECOMMENDED = "recommended.json"


def write_outputs(
    run: Run, folder: str | Path, baseline: Baseline | None = None, ends_now: bool = False
) -> tuple[Path, ...]:
    """Write the outputs, each replaced in one step, and return their paths; ``best.*`` needs a complete trial.

    ``baseline`` is the random search that the report compares the run with, where there is one;
    ``recommended.json`` needs an architecture that meets the limits, and full-size detectors that were counted.
    ``ends_now`` says that the run's last session ends with this, so that the time that it takes is the session's.

    Raises:
        FileError: a file cannot be written; those already written are whole.
    """
    folder = Path(folder)
    found = answer(run)
    written = [] if found.best is None else [_write_best(run, found, folder), _draw_best(found.best, folder)]
    recommended = recommend(run)
    (folder / RECOMMENDED).unlink(missing_ok=True)  # an earlier session may have had other limits
    if recommended is not None and recommended.point is not None:
        written.append(_write_recommended(run, recommended, recommended.point, folder))
    curve = folder / "reward.png"
    with replacing(curve) as temporary:
        draw_rewards(run, temporary)
    return (*written, curve, write_report(run, folder, baseline, ends_now))


def _write_best(run: Run, found: Answer, folder: Path) -> Path:
    assert found.best is not None
    best = found.best
    session, measured = run.sessions[best.trial.session], best.trial.measurement
    origin = {
        "number": best.trial.number,
        "reward": best.reward,
        "ap": measured.ap if measured else None,
        **({"score": asdict(measured.score)} if measured and measured.score else {}),
        "fingerprint": best.trial.fingerprint,
        "config": essentials(session.config),
        "commit": session.provenance.get("commit"),
    }
    if found.winner is not None:
        origin |= {"chosen_by": "finalists", "times_longer": found.times}
        origin |= {"longer_ap": _as_json(found.winner.ap.longer)}
        origin |= {"longer_reward": _as_json(found.winner.reward.longer)} if found.by_reward else {}
    return _write_architecture(best.architecture, folder.resolve().name, origin, folder / "best.json")


def _write_recommended(run: Run, found: Recommendation, point: Point, folder: Path) -> Path:
    origin = {
        "name": point.name,
        "why": found.why,
        "ap": point.ap,
        "longer_ap": found.longer,
        "times_longer": found.times,
        "multiply_adds": point.multiply_adds,
        "milliseconds": point.milliseconds,
        "image_size": recommended_size(run),
        "fingerprint": point.architecture.fingerprint,
        "config": essentials(run.sessions[-1].config),
    }
    name = f"{folder.resolve().name}, {point.name}"
    return _write_architecture(point.architecture, name, origin, folder / RECOMMENDED)


def _write_architecture(architecture: Architecture, name: str, origin: Mapping[str, Any], path: Path) -> Path:
    text = dumps({**architecture.to_dict(), "name": name, "search": origin})
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _as_json(value: Interval | None) -> dict[str, Any] | None:
    if value is None:
        return None
    low, high = (value.low, value.high) if value.has_ends else (None, None)
    return {"mean": value.estimate, "low": low, "high": high, "count": value.count}


def _draw_best(best: Sample, folder: Path) -> Path:
    path = folder / "best.png"
    with replacing(path) as temporary:
        draw(
            best.architecture,
            temporary,
            f"{one_line(folder.resolve().name)}, trial {best.trial.number}: reward {number(best.reward)}",
        )
    return path
