"""A file in ``nas/`` is a command: it can be run, nobody imports it, it has settings, and it is thin."""

import ast
import importlib
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


@pytest.mark.parametrize(
    ("command", "libraries"), [("space", ["torch", "ray", "matplotlib"]), ("data", ["ray"]), ("report", ["ray"])]
)
def test_a_command_imports_no_library_that_it_does_not_need(command, libraries):
    code = f"import sys, nas.{command}; print(sorted(set({libraries}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
