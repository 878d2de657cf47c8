"""The files of an evaluation: metrics.json, per_class.csv, detections.json, curves.png, confusion.png, report.html."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.evaluation.evaluation import KINDS, Evaluation
from nas.evaluation.per_class import GroupNumbers
from nas.reporting.evaluation_figures import draw_confusion, draw_curves
from nas.reporting.evaluation_page import render_evaluation
from nas.reporting.json_list import write_list
from nas.words import printable

NUMBERS = ("ap", "ap50", "ap75", "ar")


def write_evaluation(
    evaluation: Evaluation, detections: Iterable[Mapping[str, Any]], about: Mapping[str, Any], folder: Path
) -> tuple[Path, ...]:
    """Write the files, each replaced in one step, and return their paths.

    Args:
        detections: COCO's list of results, see :func:`nas.evaluation.results_list.to_results`.
        about: as in :func:`nas.reporting.evaluation_page.render_evaluation`; it goes into metrics.json as it is.

    Raises:
        FileError: a file cannot be written; those already written are whole.
    """
    texts = {
        "metrics.json": json.dumps(to_json(evaluation, about), indent=1) + "\n",
        "per_class.csv": to_csv(evaluation),
        "report.html": printable(render_evaluation(evaluation, about)),
    }
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with replacing(folder / "detections.json") as temporary, temporary.open("w", encoding="ascii") as file:
        write_list(file, detections)
    for name, draw in (("curves.png", draw_curves), ("confusion.png", draw_confusion)):
        with replacing(folder / name) as temporary:
            draw(evaluation, temporary)
    return tuple(folder / name for name in (*texts, "detections.json", "curves.png", "confusion.png"))


def to_json(evaluation: Evaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured as plain values; null where nothing could be measured."""
    curves, matrix = evaluation.curves, evaluation.confusion
    precision, recall = curves.at(curves.suggested)
    return {
        **about,
        "images": evaluation.images,
        "objects": evaluation.objects,
        **{
            word: {name: _plain(value) for name, value in evaluation.results[kind].numbers.items()}
            for kind, word in KINDS.items()
            if kind in evaluation.results
        },
        "sizes": {KINDS[kind]: list(map(_group, rows)) for kind, rows in evaluation.sizes.items()},
        "classes": {KINDS[kind]: list(map(_group, rows)) for kind, rows in evaluation.classes.items()},
        "threshold": {
            "suggested": curves.suggested,
            "overlap": curves.overlap,
            "mean_f1": float(curves.mean_f1[curves.best]),
            "precision": _plain(precision),
            "recall": _plain(recall),
        },
        "confusion": {
            "rule": matrix.rule,
            "threshold": matrix.threshold,
            "overlap": matrix.overlap,
            "rows": "what is there: the background, then the classes",
            "columns": "what was found: nothing, then the classes",
            "counts": matrix.counts.tolist(),
        },
    }


def to_csv(evaluation: Evaluation) -> str:
    """A line for each class: its label, name, objects, images, and the numbers of boxes and masks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    prefixes = {kind: "" if kind == "bbox" else "mask_" for kind in evaluation.classes}
    writer.writerow(
        ["label", "class", "objects", "images", *(prefix + name for prefix in prefixes.values() for name in NUMBERS)]
    )
    for label, name in enumerate(evaluation.class_names, start=1):
        groups = [rows[label - 1] for rows in evaluation.classes.values()]
        values = [_plain(getattr(group, number)) for group in groups for number in NUMBERS]
        writer.writerow([label, printable(name), groups[0].objects, groups[0].images, *values])
    return text.getvalue()


def _group(group: GroupNumbers) -> dict[str, Any]:
    return {key: _plain(value) if key in NUMBERS else value for key, value in asdict(group).items()}


def _plain(value: float) -> float | None:
    """None for what could not be measured, COCO's -1 or NaN."""
    return None if value != value or value < 0 else float(value)
