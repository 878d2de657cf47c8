"""What a detector costs, as rows and as a table."""

import json

import pytest
import torch

from nas.command_line.cost_table import cost_row, print_costs, print_files
from nas.detectors import build_detector, cost

SIZE = (128, 256)


@pytest.fixture(scope="module")
def detector():
    with torch.device("meta"):
        return build_detector("spinenet-49", classes=5)


def test_a_row_is_a_json_object(detector):
    row = cost_row("mine", detector, SIZE, cost(detector, SIZE), blocks=False)
    assert json.loads(json.dumps(row)) == row
    assert (row["architecture"], row["head"], row["classes"]) == ("mine", "retinanet", 5)
    assert row["fingerprint"] == detector.architecture.fingerprint
    assert row["params_trainable"] == sum(parameter.numel() for parameter in detector.parameters())
    assert row["scaling"]["width"] == 1.0
    assert "blocks" not in row


def test_a_square_size_is_one_number(detector):
    assert cost_row("mine", detector, (64, 64), cost(detector, 64), blocks=False)["image_size"] == 64
    assert cost_row("mine", detector, SIZE, cost(detector, SIZE), blocks=False)["image_size"] == [128, 256]


def test_the_table_has_a_line_for_each_row_and_its_columns_are_aligned(detector, capsys):
    counted = cost(detector, SIZE)
    names = ("mine", "a/long/path/to/an/architecture.json")
    print_costs([cost_row(name, detector, SIZE, counted, blocks=False) for name in names])
    header, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(names)
    assert len({len(line) for line in (header, *lines)}) == 1
    assert f"{counted.params_trainable:,}" in lines[0]
    assert "128 x 256" in lines[0]


def test_parts_are_listed_with_their_sum(detector, capsys):
    counted = cost(detector, SIZE)
    print_costs([cost_row("mine", detector, SIZE, counted, blocks=True)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(" MB")]
    assert len(lines) == len(counted.blocks) + 1
    assert lines[-1].split()[:2] == ["all", f"{counted.params_trainable:,}"]


def test_files_are_listed_with_their_differences(capsys):
    program = {"file": "out/program.pt2", "bytes": 2_500_000, "image": "a drawn scene", "differences": {"raw": 1.5e-6}}
    print_files([program])
    assert capsys.readouterr().out == (
        "\ncompared with the detector in PyTorch on a drawn scene, largest differences:\n"
        "out/program.pt2  2.5 MB  raw 1.5e-06\n"
    )
    print_files([program, {**program, "differences": {"count": 0}}])
    assert "no detection was compared" in capsys.readouterr().out
