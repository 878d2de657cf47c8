"""report.html of an evaluation: everything that was measured on one page, which needs no other file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from nas.evaluation.coco import METRICS
from nas.evaluation.evaluation import KINDS, Evaluation
from nas.evaluation.per_class import GroupNumbers
from nas.reporting.configuration import flatten
from nas.reporting.evaluation_figures import draw_confusion, draw_curves
from nas.reporting.evaluation_words import (
    GROUP_COLUMNS,
    MEANINGS,
    confused,
    group_cells,
    measured,
    threshold_sentence,
)
from nas.reporting.markup import columns, details, document, figure, heading, note, numbers, section, table
from nas.words import moment, plural


def render_evaluation(evaluation: Evaluation, about: Mapping[str, Any]) -> str:
    """The page as HTML. Everything that comes from outside is escaped.

    Args:
        about: what was measured and how: ``weights``, ``data``, ``split``, ``source``, ``remarks`` (sentences),
            ``latency`` (``text``, sentences; may be missing), and further settings and versions.
    """
    curves = evaluation.curves
    parts = [
        heading(
            f"{about['weights']} on {about['data']}, split {about['split']}",
            f"{plural(evaluation.images, 'image')}, {plural(evaluation.objects, 'object')} of "
            f"{len(evaluation.class_names)} classes, {about['source']}",
            about["detector"],
        ),
        numbers(_large(evaluation)),
        note(about["remarks"]) if about["remarks"] else "",
        section("COCO's numbers", _coco(evaluation)),
        section("By size", _groups(evaluation.sizes)),
        section(
            "From which score on",
            figure(lambda path, theme: draw_curves(evaluation, path, theme), threshold_sentence(curves), "wide"),
        ),
        section("What is taken for what", _confusion(evaluation)),
        section("By class", _groups(evaluation.classes)),
        section(
            "How long it takes", "".join(f"<p>{escape(line)}</p>" for line in about["latency"]["text"].splitlines())
        )
        if "latency" in about
        else "",
        details("Settings and versions", table(flatten(_plain(about)))),
    ]
    return document(f"{about['weights']}: evaluation", parts, f"Written {moment(time.time())}.")


def _large(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    for kind, result in evaluation.results.items():
        for name in ("ap", "ap50", "ap75", "ar100"):
            yield f"{name.upper()} of {KINDS[kind]}", measured(result.numbers[name])
    yield "suggested threshold", f"{evaluation.curves.suggested:g}"


def _coco(evaluation: Evaluation) -> str:
    headings = ["", "", *(KINDS[kind] for kind in evaluation.results)]
    rows = [
        [
            name.upper().replace("_", " "),
            MEANINGS[name],
            *(measured(one.numbers[name]) for one in evaluation.results.values()),
        ]
        for name in METRICS
    ]
    return columns(headings, rows, texts=2)


def _groups(groups: Mapping[str, Sequence[GroupNumbers]]) -> str:
    tables = []
    for kind, rows in groups.items():
        tables.append(columns([KINDS[kind], *GROUP_COLUMNS], [group_cells(row) for row in rows]))
    return "".join(tables)


def _confusion(evaluation: Evaluation) -> str:
    matrix = figure(
        lambda path, theme: draw_confusion(evaluation, path, theme),
        evaluation.confusion.rule,
        alternative="The confusion matrix.",
    )
    sentence = confused(evaluation)
    return matrix + (f"<p>{escape(sentence)}</p>" if sentence else "")


def _plain(about: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in about.items() if key not in ("remarks", "latency")}
