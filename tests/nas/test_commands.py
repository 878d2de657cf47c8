"""A file in ``nas/`` is a command: it can be run, nobody imports it, it has settings, and it is thin."""

import ast
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nas.command_line.part_files import commands

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(path for path in (ROOT / "nas").glob("*.py") if path.name != "__init__.py")
OTHERS = sorted(
    path
    for folder in ("nas", "search_spaces", "controllers", "proxies", "results")
    for path in (ROOT / folder).rglob("*.py")
)
MOST_LINES = 160
by_name = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_a_command_has_settings_and_settings_have_a_command():
    assert [path.stem for path in COMMANDS] == commands()


@by_name
def test_a_command_ends_with_one_line_that_runs_it(path: Path):
    last = ast.parse(path.read_text(encoding="utf-8")).body[-1]
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    (call,) = last.body
    assert ast.unparse(call).startswith(f"sys.exit(run_command('{path.stem}', __doc__, ")


def test_a_command_is_imported_by_nobody():
    names = {f"nas.{path.stem}" for path in COMMANDS}
    for path in OTHERS:
        assert not names & imported(path), f"{path} imports a command"


@by_name
def test_a_command_is_thin(path: Path):
    """It defines no types, and is short enough to be read at once."""
    text = path.read_text(encoding="utf-8")
    assert not [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    assert len(text.splitlines()) <= MOST_LINES


@by_name
def test_a_command_says_what_it_is_for(path: Path):
    module = importlib.import_module(f"nas.{path.stem}")
    assert (module.__doc__ or "").startswith(f"``python -m nas.{path.stem}")


LARGE = ("matplotlib", "ray", "safetensors", "tensorflow", "torch", "torchvision")
"""Libraries that take seconds to import."""


def imported_by(code: str, *arguments: str) -> list[str]:
    """The large libraries that a fresh process has imported after running the code with the arguments."""
    asked = f"import sys; sys.argv[1:] = {list(arguments)}; import runpy\n{code}"
    asked += f"\nprint(sorted(set({LARGE}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    return ast.literal_eval(done.stderr.splitlines()[-1])


def running(command: str) -> str:
    return (
        f"try: runpy.run_module('nas.{command}', run_name='__main__')\nexcept SystemExit as end: assert end.code == 0"
    )


@by_name
def test_help_and_cfg_import_no_large_library(path: Path):
    for option in ("--help", "--cfg"):
        assert imported_by(running(path.stem), option) == []


def test_commands_about_spaces_and_data_import_no_large_library(tmp_path):
    assert imported_by(running("space"), "space=toy", "samples=2") == []
    assert (
        imported_by(
            running("data"), "data.images=4", "image_size=32", f"data.cache_dir={tmp_path}", f"out={tmp_path}/page"
        )
        == []
    )


def test_a_report_imports_what_draws_alone(tmp_path):
    shutil.copy(ROOT / "results" / "bccd" / "record.db", tmp_path)
    assert imported_by(running("report"), f"run={tmp_path}") == ["matplotlib"]


def test_the_packages_import_no_large_library_until_it_is_used():
    names = "search_spaces.build, controllers.build, proxies.build, nas.load"
    assert imported_by(f"import nas, search_spaces, controllers, proxies; {names}; nas.load('spinenet-49')") == []
    assert "torch" in imported_by("import nas; nas.build_detector")


def test_the_packages_name_what_they_have():
    for package in ("nas", "search_spaces", "controllers", "proxies"):
        module = importlib.import_module(package)
        assert set(module.__all__) <= set(dir(module))
        assert all(getattr(module, name) is not None for name in module.__all__)
