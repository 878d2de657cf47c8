"""report.html: a whole run on one page, in one file that opens anywhere without a network."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.engine.baseline import Baseline
from nas.engine.record import Run
from nas.engine.recorded import REFERENCES
from nas.engine.trial import TrialState
from nas.reporting.answer import answer
from nas.reporting.comparison import compare, comparison_sentences
from nas.reporting.comparison_figure import draw_best_so_far
from nas.reporting.configuration import essentials, flatten
from nas.reporting.figures import draw_metrics, draw_rewards, draw_seconds
from nas.reporting.ledger import ledger_html
from nas.reporting.markup import details, document, figure, heading, note, numbers, row, section, table
from nas.reporting.outcome import fronts, outcome
from nas.reporting.sentences import limits, metrics_sentences, state_sentence, what_is_not_a_sample
from nas.reporting.summary import Sample, Summary, metric_series, rank, samples, summarise
from nas.reporting.thumbnail import thumbnail
from nas.words import duration, moment, number, printable, short_count
from search_spaces.architecture import Architecture
from search_spaces.drawing import draw

TOP = 10
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.STOPPED: "stopped early",
    TrialState.FILTERED: "filtered out",
    TrialState.FAILED: "failed",
    TrialState.INFEASIBLE: "infeasible",
    TrialState.DUPLICATE: "duplicate",
    TrialState.RUNNING: "running",
}
"""State -> what the page calls it, in order."""


def write_report(run: Run, folder: str | Path, baseline: Baseline | None = None, ends_now: bool = False) -> Path:
    """Write ``report.html`` into the run folder and return its path; the earlier one is replaced in one step.

    Works for a run that is under way and for one without any trial. ``baseline`` is the random search that the run is
    compared with, where there is one. ``ends_now`` says that the run's last session ends with this report.

    Raises:
        FileError: the file cannot be written.
    """
    path = Path(folder) / "report.html"
    with replacing(path) as temporary:
        page = render_report(run, Path(folder).resolve().name, baseline, ends_now)
        temporary.write_text(printable(page), encoding="utf-8")
    return path


def render_report(run: Run, name: str, baseline: Baseline | None = None, ends_now: bool = False) -> str:
    """The page as HTML; ``name`` is what the run is called. Everything that comes from the record is escaped."""
    drawn = _drawn(run, baseline)
    run = run.ending(time.time()) if ends_now and run.sessions else run  # drawing took its time as well
    summary = summarise(run)
    parts = [
        _heading(run, summary, name),
        _numbers(summary),
        _warnings(run),
        *drawn,
        _time(run, summary),
        _failures(summary),
        _settings(run),
        _provenance(run),
    ]
    return document(f"{name}: architecture search", parts, f"Written {moment(time.time())} from the record of the run.")


def _drawn(run: Run, baseline: Baseline | None) -> list[str]:
    """What was found, in sections; most of the time that a page takes goes into their figures."""
    summary, found = summarise(run), answer(run)
    return [
        _rewards(run, summary),
        _against_random(run, summary, baseline),
        _best(found.best),
        outcome(found),
        note(limits(summary, found.winner is not None and found.winner.final)),
        _top(run),
        fronts(run),
        _controller(run),
    ]


def _heading(run: Run, summary: Summary, name: str) -> str:
    config = run.sessions[-1].config if run.sessions else {}
    parts = " \u00b7 ".join(f"{key} {value}" for key, value in essentials(config).items() if key != "samples")
    return heading(name, state_sentence(summary), parts)


def _numbers(summary: Summary) -> str:
    if summary.state == "empty":
        return ""
    best = summary.best
    facts = [("best reward", number(best.reward if best else None))]
    measured = best.trial.measurement if best else None
    if best and measured and measured.ap is not None and measured.ap != best.reward:
        facts.append(("its AP", number(measured.ap)))
    facts.append(("mean reward", number(summary.mean_reward)))
    if summary.counts[TrialState.COMPLETE] > summary.recent:
        facts.append((f"mean of the last {summary.recent}", number(summary.recent_mean)))
    facts += [(word, f"{summary.counts[state]:,}") for state, word in STATES.items() if summary.counts[state]]
    if summary.wall_seconds > 0:
        facts.append(("wall time", duration(summary.wall_seconds)))
    if summary.trials_per_hour is not None:
        facts.append(("trials per hour", f"{summary.trials_per_hour:,.0f}"))
    if summary.busy_share is not None:
        facts.append(("workers busy", f"{summary.busy_share:.0%}"))
    return numbers(facts)


def _warnings(run: Run) -> str:
    return note(run.warnings, "note warning") if run.warnings else ""


def _rewards(run: Run, summary: Summary) -> str:
    if not summary.evaluated:
        return ""
    text = what_is_not_a_sample(summary)
    return section("Rewards", figure(lambda path, theme: draw_rewards(run, path, theme), text))


def _against_random(run: Run, summary: Summary, baseline: Baseline | None) -> str:
    if not summary.counts[TrialState.COMPLETE]:
        return ""
    found = compare(run, baseline)
    body = "".join(f"<p>{escape(sentence)}</p>" for sentence in comparison_sentences(run, found))
    if found is not None and found.top is not None:
        body += figure(lambda path, theme: draw_best_so_far(found, path, theme), "At equal budget, sample by sample.")
    return section("Better than random?", body)


def _best(best: Sample | None) -> str:
    if best is None:
        return ""
    architecture = best.architecture
    caption = (
        f"Trial {best.trial.number}, reward {number(best.reward)}, fingerprint {best.trial.fingerprint}. "
        "Left to right: the order in which blocks are built; bottom to top: feature levels, fine to coarse."
    )
    return section(
        "Best architecture",
        figure(lambda path, theme: draw(architecture, path, theme=theme), caption, "wide", _describe(architecture)),
    )


def _describe(architecture: Architecture) -> str:
    order = ", ".join(f"L{node.level}{'*' if node.is_output else ''}" for node in architecture.nodes)
    return f"Blocks in order, outputs with a star: {order}."


def _top(run: Run) -> str:
    best = rank(samples(run))[:TOP]
    if not best:
        return ""
    columns = ("trial", "reward", _value_name(best[0]), "parameters", "multiply-adds", "time")
    header = row([*((column, "right") for column in columns), ("architecture", "")], "th")
    body = "\n".join(_sample_row(sample) for sample in best)
    title = f"The best {len(best)}" if len(best) > 1 else "The only sample"
    return section(
        title, f'<div class="scroll"><table class="trials"><thead>{header}</thead><tbody>{body}</tbody></table></div>'
    )


def _value_name(sample: Sample) -> str:
    return sample.trial.measurement.value_name if sample.trial.measurement else "AP"


def _sample_row(sample: Sample) -> str:
    measured = sample.trial.measurement
    cells = [
        str(sample.trial.number),
        number(sample.reward),
        number(measured.value if measured else None),
        short_count(measured.params) if measured else "\u2013",
        short_count(measured.multiply_adds) if measured else "\u2013",
        duration(sum(measured.seconds.values())) if measured else "\u2013",
    ]
    drawn = f'<td title="{escape(sample.trial.fingerprint)}">{thumbnail(sample.architecture)}</td>'
    return "<tr>" + "".join(f'<td class="right">{escape(cell)}</td>' for cell in cells) + drawn + "</tr>"


def _controller(run: Run) -> str:
    series = metric_series(run)
    if not series:
        return ""
    text = metrics_sentences(series)
    return section("Controller", figure(lambda path, theme: draw_metrics(run, path, theme), text))


def _time(run: Run, summary: Summary) -> str:
    if not summary.seconds_by_phase:
        return ""
    total = sum(summary.seconds_by_phase.values())
    phases = ", ".join(f"{phase} {duration(seconds)}" for phase, seconds in summary.seconds_by_phase.items())
    text = f"Compute of all trials and checks: {duration(total)} ({phases})."
    if summary.busy_share is not None:
        text += f" Warm workers spent {summary.busy_share:.1%} of their wall time in training and evaluation."
    trials = figure(lambda path, theme: draw_seconds(run, path, theme), text)
    return section("Where the time went", ledger_html(run) + trials)


def _failures(summary: Summary) -> str:
    if not summary.failures:
        return ""
    rows = "".join(row([(f"{count:,}", "right"), (reason, "")], "td") for reason, count in summary.failures)
    return section("Failures", f'<div class="scroll"><table>{rows}</table></div>')


def _settings(run: Run) -> str:
    if not run.sessions:
        return ""
    return details("Configuration", table(flatten(run.sessions[-1].config)))


def _provenance(run: Run) -> str:
    if not run.sessions:
        return ""
    sessions = [(f"session {at}", f"started {moment(session.begun)}") for at, session in enumerate(run.sessions)]
    last = run.sessions[-1]
    seed: Mapping[str, Any] = {"seed": last.config["seed"]} if "seed" in last.config else {}
    known = {key: value for key, value in last.provenance.items() if key not in ("command_started", REFERENCES)}
    return details("Provenance", table([*sessions, *flatten({**known, **seed})]))
