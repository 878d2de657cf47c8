"""The project's packages are its own, whatever lies in the folder in which a command is run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nas

ROOT = Path(nas.__file__).parents[1]
SPACE = ["-m", "nas.space", "space=toy"]


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=variables, capture_output=True, text=True)


def put(folder: Path, *names: str) -> None:
    """Files and folders of a user; importing one ends the process."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("raise SystemExit('the file of the user was imported')")


@pytest.mark.parametrize(
    "names",
    [
        ["controllers/__init__.py", "proxies/__init__.py", "search_spaces/__init__.py"],
        ["controllers.py", "proxies.py", "search_spaces.py"],
        ["controllers/notes.txt", "proxies/notes.txt", "search_spaces/notes.txt", "nas/notes.txt"],
        ["torch/__init__.py", "ray/__init__.py", "yaml.py", "random.py", "hydra/__init__.py"],
    ],
    ids=["packages", "modules", "folders", "libraries"],
)
def test_files_of_the_user_are_not_imported(tmp_path, names):
    put(tmp_path, *names)
    done = run(tmp_path, *SPACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("space toy: 18 decisions")


def test_a_script_still_imports_what_lies_beside_it(tmp_path):
    (tmp_path / "mine.py").write_text("name = 'mine'")
    (tmp_path / "script.py").write_text("import nas, mine, proxies; print(mine.name, proxies.__file__)")
    assert run(tmp_path, "script.py").stdout == f"mine {ROOT / 'proxies' / '__init__.py'}\n"
    assert run(tmp_path, "-m", "script").stdout == f"mine {ROOT / 'proxies' / '__init__.py'}\n"


def test_the_folder_of_the_project_may_be_the_current_one():
    done = run(ROOT, *SPACE, PYTHONPATH="")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cache_folder_that_cannot_be_made_is_left_out(tmp_path):
    (tmp_path / "file").write_text("")
    code = "import nas, os; print(os.environ.get('TORCHINDUCTOR_CACHE_DIR'))"
    assert run(tmp_path, "-c", code, TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "file" / "cache")).stdout == "None\n"
    assert run(tmp_path, "-c", code, TORCHINDUCTOR_CACHE_DIR="cache").stdout == "cache\n"
    assert run(tmp_path, "-c", code, TORCHINDUCTOR_CACHE_DIR="").stdout == "\n"
