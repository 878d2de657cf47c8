"""What a run folder holds beside its record: best.json, best.png, reward.png, report.html."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.engine.baseline import Baseline
from nas.engine.record import Run
from nas.reporting.configuration import essentials
from nas.reporting.figures import draw_rewards
from nas.reporting.page import write_report
from nas.reporting.summary import Sample, best_sample, samples
from nas.words import number, one_line
from search_spaces.architecture import dumps
from search_spaces.drawing import draw


def write_outputs(run: Run, folder: str | Path, baseline: Baseline | None = None) -> tuple[Path, ...]:
    """Write the outputs, each replaced in one step, and return their paths; ``best.*`` needs a complete trial.

    ``baseline`` is the random search that the report compares the run with, where there is one.

    Raises:
        FileError: a file cannot be written; those already written are whole.
    """
    folder = Path(folder)
    best = best_sample(samples(run))
    written = () if best is None else (_write_architecture(run, best, folder), _draw_best(best, folder))
    curve = folder / "reward.png"
    with replacing(curve) as temporary:
        draw_rewards(run, temporary)
    return (*written, curve, write_report(run, folder, baseline))


def _write_architecture(run: Run, best: Sample, folder: Path) -> Path:
    path = folder / "best.json"
    text = dumps({**best.architecture.to_dict(), "name": folder.resolve().name, "search": _origin(run, best)})
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _origin(run: Run, best: Sample) -> dict[str, Any]:
    """Which trial of which search the architecture comes from, and what it was ranked by."""
    session, measured = run.sessions[best.trial.session], best.trial.measurement
    return {
        "number": best.trial.number,
        "reward": best.reward,
        "ap": measured.ap if measured else None,
        **({"score": asdict(measured.score)} if measured and measured.score else {}),
        "fingerprint": best.trial.fingerprint,
        "config": essentials(session.config),
        "commit": session.provenance.get("commit"),
    }


def _draw_best(best: Sample, folder: Path) -> Path:
    path = folder / "best.png"
    with replacing(path) as temporary:
        draw(
            best.architecture,
            temporary,
            f"{one_line(folder.resolve().name)}, trial {best.trial.number}: reward {number(best.reward)}",
        )
    return path
