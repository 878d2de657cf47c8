"""An evaluation on the terminal: every number under its heading, names of any kind."""

from dataclasses import replace

import pytest

from nas.command_line.evaluation_table import LONGEST_NAME, evaluation_tables
from nas.evaluation import METRICS
from tests.reporting.made_evaluation import made


@pytest.mark.parametrize("masks", [False, True])
def test_every_number_has_its_place(masks: bool) -> None:
    evaluation = made(3, masks=masks)
    lines = evaluation_tables(evaluation).splitlines()
    times = 2 if masks else 1
    assert lines[0].split() == ["boxes", "masks"][:times]
    assert len(METRICS) == 12
    for name, line in zip(METRICS, lines[1:13]):
        assert line.split()[-times:] == [f"{evaluation.results['bbox'].numbers[name]:.3f}"] * times
    sizes, classes = lines[14:18], lines[19:23]
    assert [line.split()[0] for line in sizes] == ["size", "small", "medium", "large"]
    assert ("mask AR100" in classes[0]) == masks
    assert len({len(line) for line in (*sizes, *classes)}) == 1
    for group, line in zip(evaluation.classes["bbox"], classes[1:]):
        assert line[LONGEST_NAME:].split()[:3] == [str(group.objects), str(group.images), f"{group.ap:.3f}"]
    assert lines[-2].startswith("Suggested threshold ")
    assert lines[-1].startswith("Found as another class, with a score above 0.1: ")


def test_a_long_name_is_cut() -> None:
    evaluation = made(1)
    (group,) = evaluation.classes["bbox"]
    long = replace(evaluation, classes={"bbox": (replace(group, name="x" * 99),)})
    (line,) = (line for line in evaluation_tables(long).splitlines() if line.startswith("xxx"))
    assert line[:LONGEST_NAME] == "x" * (LONGEST_NAME - 2) + "\u2026 "
