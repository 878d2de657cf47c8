"""``nas.data`` as a user runs it."""

import pytest

from nas import data as command
from nas.command_line.data_files import configure
from tests.datasets.coco_support import content, write
from tests.nas.nas_support import run_as_user


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(monkeypatch, capsys, "data", command.work, *arguments, configure=configure)


def test_a_data_set_is_made_and_described(run, tmp_path):
    code, output, _ = run("data.images=8", "image_size=32")
    assert code == 0
    first, images, objects, *classes, page = output.splitlines()
    assert first.startswith("data set synthetic (fingerprint ")
    assert first.endswith("images of 32 px")
    assert images == "  8 images in the training split"
    counts = [int(line.split()[0]) for line in classes]
    assert f"  {sum(counts)} objects, side" in objects
    assert counts == sorted(counts, reverse=True)
    assert page.startswith("  page: data_sets/synthetic-")
    assert (tmp_path / page.removeprefix("  page: ")).is_file()
    assert len(counts) == 3
    assert len(list((tmp_path / "cache" / "spinenet-search").iterdir())) == 1


def test_a_data_set_of_one_s_own_bears_its_name_and_keeps_its_cache(run, tmp_path):
    (tmp_path / "shapes.yaml").write_text("kind: synthetic\nimages: 8\ncache_dir: here\n")
    assert run("data=shapes.yaml", "image_size=32")[1].startswith("data set shapes (fingerprint ")
    assert (tmp_path / "here").is_dir()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["data=coco"], "data.root is not set; it is the folder that holds the data set"),
        (["data=coco", "data.root=nowhere"], "data root nowhere is not a folder"),
        (["image_size=8"], "image_size is 8; it must be at least 16 and at most 4096"),
        (["data.cache_dir=[5]"], "data.cache_dir names a file or a folder"),
        (["data=coca"], "unknown data 'coca' (did you mean 'coco'?)"),
        (["anchor_size=0"], "anchor_size is 0; it must be above 0"),
    ],
)
def test_bad_input(run, arguments, sentence):
    code, output, error = run(*arguments)
    assert (code, output) == (2, "")
    assert sentence in error


def test_names_of_classes_are_printed_on_a_line_each(run, tmp_path):
    given = content()
    given["categories"][0]["name"] = "caf\udce9\nx\x1b[31m"
    write(tmp_path / "set", given)
    code, output, _ = run("data=coco", "data.root=set", "image_size=32")
    assert code == 0
    assert output.splitlines()[3:-1] == ["         3  train", r"         3  caf\udce9\nx\x1b[31m"]


def test_what_is_dropped_is_counted_and_listed(run, tmp_path):
    given = content()
    given["images"][1]["file_name"] = "gone.png"
    write(tmp_path / "set", given)
    code, output, error = run("data=coco", "data.root=set", "image_size=32", "out=page")
    assert code == 2
    assert "1 x missing image" in error
    code, output, error = run(
        "data=coco", "data.root=set", "image_size=32", "out=page", "data.faults=drop", "data.max_dropped=0.4"
    )
    assert code == 0
    assert "1 of 4 pictures and 2 of 6 boxes were dropped (1 x missing image, 2 x picture dropped)" in error
    assert "  3 images in the training split" in output
    assert len((tmp_path / "page" / "dropped.csv").read_text().splitlines()) == 4
