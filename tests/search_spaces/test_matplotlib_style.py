"""Pictures are drawn whatever matplotlib's settings say, in silence, and its settings stay the user's."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from search_spaces.matplotlib_style import plain_style

ROOT = Path(__file__).parents[2]
DRAW = """
import os, search_spaces, search_spaces.drawing
search_spaces.drawing.draw(search_spaces.load("r50-fpn"), "picture.png", "\\u6a21\\u578b $x$")
import matplotlib
print(os.environ.get("MPLBACKEND"), matplotlib.rcParams["axes.grid"])
"""


def draw(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", DRAW], cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("expected")
    assert draw(folder).returncode == 0
    return (folder / "picture.png").read_bytes()


@pytest.mark.parametrize(
    "variable",
    [
        "MPLBACKEND=module://matplotlib_inline.backend_inline",
        "MPLBACKEND=module://no_such_package",
        "MPLBACKEND=nonsense",
        "MPLBACKEND=TkAgg",
        "MPLCONFIGDIR=/dev/null/folder",
    ],
)
def test_neither_backend_nor_folder_of_settings_matters(tmp_path, expected, variable):
    name, _, value = variable.partition("=")
    done = draw(tmp_path, **{name: value})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{value if name == 'MPLBACKEND' else os.environ.get('MPLBACKEND')} False\n"
    assert (tmp_path / "picture.png").read_bytes() == expected


def test_settings_of_the_user_do_not_reach_the_pictures_and_stay(tmp_path, expected):
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\naxes.grid: True\nfont.size: 40\nbackend: nonsense\n")
    done = draw(tmp_path)
    assert (done.returncode, done.stdout.split()[1], done.stderr) == (0, "True", "")
    assert (tmp_path / "picture.png").read_bytes() == expected


def test_a_settings_file_that_is_no_text_is_one_sentence(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")
    done = draw(tmp_path)
    assert done.stderr.splitlines()[-1].startswith(
        "search_spaces.errors.FileError: matplotlib's settings cannot be read (invalid start byte); mend or remove"
    )


def test_a_loaded_matplotlib_keeps_its_backend(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    before = matplotlib.rcParams["backend"], matplotlib.rcParams["font.size"], logging.getLogger("matplotlib").level
    with matplotlib.rc_context({"font.size": 40}):
        with plain_style():
            assert matplotlib.rcParams["font.size"] == matplotlib.rcParamsDefault["font.size"]
        assert matplotlib.rcParams["font.size"] == 40
    after = matplotlib.rcParams["backend"], matplotlib.rcParams["font.size"], logging.getLogger("matplotlib").level
    assert after == before
