"""An evaluation as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nas.evaluation.coco import METRICS
from nas.evaluation.evaluation import KINDS, Evaluation
from nas.evaluation.per_class import GroupNumbers
from nas.reporting.evaluation_words import (
    GROUP_COLUMNS,
    MEANINGS,
    confused,
    group_cells,
    measured,
    threshold_sentence,
)

LONGEST_NAME = 28


def evaluation_tables(evaluation: Evaluation) -> str:
    """COCO's numbers, those by size and by class, the suggested threshold, and what was confused."""
    names = [KINDS[kind] for kind in evaluation.results]
    lines = [f"{'':<12}{'':<36}" + "".join(f"{name:>8}" for name in names)]
    for name in METRICS:
        values = (measured(result.numbers[name]) for result in evaluation.results.values())
        label = name.upper().replace("_", " ").replace("SMALL", "small").replace("MEDIUM", "medium")
        lines.append(
            f"{label.replace('LARGE', 'large'):<12}{MEANINGS[name]:<36}" + "".join(f"{one:>8}" for one in values)
        )
    lines += ["", *_groups("size", evaluation.sizes), "", *_groups("class", evaluation.classes)]
    lines += ["", threshold_sentence(evaluation.curves)]
    if sentence := confused(evaluation):
        lines.append(sentence)
    return "\n".join(lines)


def _groups(what: str, groups: Mapping[str, Sequence[GroupNumbers]]) -> list[str]:
    """A line for each group, with the numbers of masks behind those of boxes."""
    first, *others = groups.values()
    headings = [*GROUP_COLUMNS, *(f"mask {name}" for _ in others for name in GROUP_COLUMNS[2:])]
    lines = [f"{what:<{LONGEST_NAME}}" + "".join(f"{heading:>{_width(heading)}}" for heading in headings)]
    for row, group in enumerate(first):
        name, *cells = group_cells(group)
        cells += [cell for other in others for cell in group_cells(other[row])[3:]]
        shown = name if len(name) < LONGEST_NAME else f"{name[: LONGEST_NAME - 2]}\u2026"
        values = "".join(f"{cell:>{_width(heading)}}" for cell, heading in zip(cells, headings))
        lines.append(f"{shown:<{LONGEST_NAME}}{values}")
    return lines


def _width(heading: str) -> int:
    return max(8, len(heading) + 1)
