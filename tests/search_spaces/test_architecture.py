"""The architecture as a value, and its JSON."""

import json

import pytest

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.architecture import NOTE_KEYS, dumps
from search_spaces.errors import ArchitectureError
from tests.search_spaces.architecture_support import STEM, outputs, small


def test_lists_become_tuples_so_that_an_architecture_can_be_hashed():
    blocks = outputs((0, 1), (0, 1))
    assert hash(Architecture(list(STEM), list(blocks), 3, 4)) == hash(small(*blocks))


def test_roles_and_outputs():
    architecture = small(BlockSpec(5, parents=(0, 1)), *outputs((0, 2), (1, 2)))
    assert [architecture.role(index) for index in range(5)] == ["stem", "stem", "intermediate", "output", "output"]
    assert architecture.outputs == {3: 3, 4: 4}


@pytest.mark.parametrize(
    ("name", "family"),
    [("spinenet-49", "spinenet"), ("r0-sp53", "spinenet"), ("spinenet-mobile-49", "mobile"), ("r50-fpn", "resnet-fpn")],
)
def test_family(name, family):
    assert search_spaces.load(name).family == family


def test_notes_are_allowed_and_carry_no_structure():
    architecture = search_spaces.load("spinenet-49")
    data = architecture.to_dict() | dict.fromkeys(NOTE_KEYS, "a note")
    assert Architecture.from_json(dumps(data)) == architecture


def test_one_block_per_line():
    architecture = small(*outputs((0, 1), (0, 1)))
    lines = architecture.to_json().splitlines()
    assert sum('"parents"' in line for line in lines) == len(architecture.nodes)


def test_json_round_trip(tmp_path):
    architecture = search_spaces.load("spinenet-49")
    path = tmp_path / "best.json"
    path.write_text(architecture.to_json())
    assert search_spaces.load(path) == architecture


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "schema_version is 2; this version of the project reads 1"),
        ({"schema_version": 0}, "schema_version is 0"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"blocks": {}}, "is not a list"),
        ({"blocks": [{"level": 3}]}, "key 'parents' is missing"),
        ({"blocks": [{"level": "3", "parents": [0]}]}, "blocks\\[0\\].level: '3' is not an integer"),
        ({"blocks": [{"level": True, "parents": [0]}]}, "True is not an integer"),
    ],
)
def test_a_bad_file_is_explained(tmp_path, change, sentence):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**search_spaces.load("spinenet-49").to_dict(), **change}))
    with pytest.raises(ArchitectureError, match=f"bad.json.*{sentence}"):
        search_spaces.load(path)


def test_a_file_that_is_not_json_or_not_there(tmp_path):
    path = tmp_path / "bad.json"
    with pytest.raises(ArchitectureError, match="cannot be read"):
        search_spaces.load(path)
    path.write_text("{")
    with pytest.raises(ArchitectureError, match="not JSON"):
        search_spaces.load(path)
