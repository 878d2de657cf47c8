"""``nas.space`` as a user runs it."""

import json

import pytest

import search_spaces
from nas import space as command
from search_spaces import Architecture
from search_spaces.scale_permuted import ScalePermutedSpace
from tests.nas.nas_support import run_as_user


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: run_as_user(monkeypatch, capsys, "space", command.describe, *arguments)


def test_the_size_is_printed_beside_the_paper_s(run):
    code, output, _ = run("space=spinenet")
    assert code == 0
    assert output.startswith("space spinenet: 70 decisions\n")
    space = search_spaces.build("spinenet")
    assert f"{space.size():,}   distinct decision sequences" in output
    assert f"{space.paper_size():,}   by the paper's formula" in output


def test_a_space_without_a_paper_has_no_such_line(run, monkeypatch):
    monkeypatch.setattr(ScalePermutedSpace, "paper_size", lambda self: None)
    assert "paper" not in run("space=toy")[1]
    assert json.loads(run("space=toy", "format=json")[1])["paper_size"] is None


def test_samples_are_drawn_with_the_seed(run):
    rows = [json.loads(run("space=toy", "samples=3", "format=json", f"seed={seed}")[1]) for seed in (1, 1, 2)]
    drawn = [row["samples"] for row in rows]
    assert drawn[0] == drawn[1] != drawn[2]
    toy = search_spaces.build("toy")
    assert all(toy.contains(Architecture.from_dict(sample)) for sample in drawn[0])
    fingerprints = [Architecture.from_dict(sample).fingerprint for sample in drawn[0]]
    output = run("space=toy", "samples=3", "seed=1")[1]
    assert [line for line in output.splitlines() if line in fingerprints] == fingerprints


def test_a_space_of_one_s_own(run, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("kind: scale_permuted\nintermediates: [3]\noutputs: [3]\nlevel_offsets: [0]\n")
    row = json.loads(run(f"space={path}", "format=json")[1])
    assert (row["space"], row["size"]) == ("small", 12)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["format=xml"], "format is 'xml'; it must be one of: table, json"),
        (["samples=-1"], "samples is -1; it must be at least 0"),
        (["seed=-1"], "seed is -1; it must be at least 0"),
        (["space=spinnet"], "unknown space 'spinnet' (did you mean 'spinenet'?)"),
        (["space.stem=[9]"], "stem"),
    ],
)
def test_bad_input(run, arguments, sentence):
    code, output, error = run(*arguments)
    assert (code, output) == (2, "")
    assert sentence in error
