"""A value that names a file or a folder is text, and is refused where its meaning could be in doubt."""

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.command_line.config import load_config
from nas.command_line.part_files import commands, part_names, parts
from nas.command_line.paths import PATHS, assignment, literal
from search_spaces.errors import ConfigError

NUMBERS = ["2024_01", "1e5", "0x10", "true", "007", "2024", "-5", "1_0.5", "nan", "inf", "False", "1.", "yes", "12:30"]
TYPED = [
    "caf\u00e9",
    "a=b",
    "it's",
    "a;b",
    "a&b",
    "#1",
    "a!",
    "\u65e5\u672c",
    "a(b)",
    "a${",
    "$x",
    "a b",
    "-x",
    "C:\\x",
]
DOUBTFUL = ["a,b", "[a]", "{a}", "str(5)", "glob(*)", "'a", 'a"b,c', "caf\u00e9,b", "['caf\u00e9']"]
HARD = [
    "a,b",
    "a b",
    "it's",
    'say "x"',
    "$x",
    "${x}",
    "\\${x}",
    "\\\\",
    'a\\"',
    "null",
    "-dash",
    "a\nb",
    "~/x",
    "[a]",
    "",
]

COMMANDS = {key: command for command in reversed(commands()) for key in load_config(command, [])}
"""Setting -> the first command that has it."""


def read(key: str, argument: str) -> object:
    """What the setting ``key`` is in a configuration with the argument."""
    part, _, name = key.rpartition(".")
    if part:
        return load_config("data", ["data=coco", argument])["data"][name]
    return load_config(COMMANDS[key], [argument])[key]


def test_every_declared_setting_is_one_of_a_command_or_a_part():
    known = set(COMMANDS)
    for part in parts():
        for name in part_names(part):
            known |= {f"{part}.{key}" for key in load_config(COMMANDS[part], [f"{part}={name}"])[part]}
    assert known >= PATHS


@pytest.mark.parametrize("key", sorted(PATHS))
def test_what_looks_like_a_number_is_text(key):
    assert [read(key, f"{key}={value}") for value in NUMBERS[:5]] == NUMBERS[:5]
    assert read(key, f"{key}=null") is None
    assert read(key, f"{key}='null'") == "null"


@pytest.mark.parametrize("value", NUMBERS)
def test_whatever_number_it_looks_like(value):
    assert read("run", f"run={value}") == value


@pytest.mark.parametrize("value", TYPED)
def test_what_can_mean_nothing_else_is_taken_as_typed(value):
    assert read("run", f"run={value}") == value
    assert read("data.root", f"data.root={value}") == value


@pytest.mark.parametrize("value", DOUBTFUL)
def test_what_could_mean_something_else_is_refused_with_the_form_to_type(value):
    with pytest.raises(ConfigError, match=r"data.root names a file or a folder.*quote it: ") as refused:
        read("data.root", f"data.root={value}")
    (typed,) = shlex.split(str(refused.value).partition("quote it: ")[2].removesuffix("."))
    assert read("data.root", typed) == value


@pytest.mark.parametrize("argument", ["run=", "run=''", 'run=""', "run= "])
def test_an_empty_path_is_refused(argument):
    with pytest.raises(ConfigError, match="run is empty; it must be the path of a file or a folder, or null"):
        load_config("search", [argument])


def test_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("data.root", "data.root=~/sets") == str(tmp_path / "sets")
    assert read("run", "run=~") == str(tmp_path)
    assert read("run", "run='~/x'") == "~/x"
    assert read("run", "run=a~") == "a~"


def test_interpolations_stay(monkeypatch):
    monkeypatch.setenv("SETS", "/disk/sets")
    assert read("data.root", "data.root=${oc.env:SETS}/coco") == "/disk/sets/coco"


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)  # what a file can have


@given(st.one_of(st.sampled_from(HARD), NAMES, st.text(alphabet="\\\"'${}a ,")))
@settings(max_examples=40, deadline=None)
def test_every_name_arrives_as_it_is(value):
    if value:
        assert read("run", assignment("run", value)) == value


@pytest.mark.parametrize("value", HARD)
def test_a_recorded_name_is_no_interpolation(value):
    earlier = load_config("data", ["data=coco"])
    earlier["data"] = {**earlier["data"], "root": value}
    assert load_config("data", [], earlier=earlier)["data"]["root"] == value


def test_only_texts_change():
    assert literal({"a": "${b}", "c": [1, "${d}"], "e": None}) == {"a": "\\${b}", "c": [1, "\\${d}"], "e": None}


@pytest.mark.parametrize("value", [*NUMBERS, "on", "2024-01-01", "1:30", "0o7", "1e400"])
def test_a_file_of_one_s_own_names_files_by_text(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("3.yaml").write_text(f"kind: coco\nroot: {value}\ntrain_images: {value} # as written\n", encoding="utf-8")
    data = load_config("data", ["data=3.yaml"])["data"]
    assert (data["root"], data["train_images"], data["name"]) == (value, value, "3")


def test_null_in_a_file_of_one_s_own_is_null(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("1e5.yaml").write_text("kind: coco\nroot: ~\ncache_dir: null\n", encoding="utf-8")
    data = load_config("data", ["data=1e5.yaml"])["data"]
    assert (data["root"], data["cache_dir"], data["name"]) == (None, None, "1e5")


@pytest.mark.parametrize("name", ["caf\u00e9.yaml", "my file.yaml", "a=b.yml", "it's.yaml"])
def test_a_file_of_one_s_own_may_be_called_anything(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("kind: coco\nroot: x\n", encoding="utf-8")
    assert load_config("data", [f"data={name}"])["data"]["root"] == "x"
    assert load_config("data", [assignment("data", name)])["data"]["name"] == Path(name).stem


def test_a_comma_in_the_name_of_a_part_s_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a,b.yaml").write_text("kind: coco\nroot: x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quote it: 'data=\"a,b.yaml\"'"):
        load_config("data", ["data=a,b.yaml"])
    assert load_config("data", ['data="a,b.yaml"'])["data"]["name"] == "a,b"


@pytest.mark.parametrize("key", sorted(PATHS))
def test_a_path_that_is_too_long_is_refused(key):
    with pytest.raises(ConfigError, match=rf"{key} is 'x+\.\.\.', 300 bytes long; a name has at most 255 bytes"):
        read(key, f"{key}={'x' * 300}")
    assert read(key, f"{key}={'x' * 255}") == "x" * 255


def test_length_counts_in_bytes_and_over_the_whole_path():
    with pytest.raises(ConfigError, match=r"run is .*, 260 bytes long"):
        read("run", "run=" + "\u00e9" * 130)
    with pytest.raises(ConfigError, match=r"run is .*, 5,000 bytes long"):
        read("run", f"run={'abcd/' * 1000}")
    with pytest.raises(ConfigError, match=r"data file is 'y+.*, 405 bytes long"):
        load_config("data", [f"data={'y' * 400}.yaml"])


def test_a_character_that_no_name_can_have(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nul.yaml").write_text('kind: coco\nroot: "a\\0b"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data.root is .*; it has a character that no file's name can have"):
        load_config("data", ["data=nul.yaml"])
