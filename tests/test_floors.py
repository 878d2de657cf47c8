"""A floor imports only from floors below it; Ray and OmegaConf each have one home; commands are imported by nobody."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    ["search_spaces", "nas.words", "nas.disk"],
    ["controllers", "nas.detectors", "nas.datasets", "nas.training", "nas.evaluation", "nas.checkpoints", "nas.export"],
    ["proxies", "nas.engine"],
    ["nas"],
]
PACKAGES = ("search_spaces", "controllers", "proxies", "nas")
COMMANDS = {"nas.search", "nas.compile", "nas.convert", "nas.space", "nas.data", "nas.report"}
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(module: str) -> int:
    matches = [
        (len(room), level)
        for level, rooms in enumerate(FLOORS)
        for room in rooms
        if module == room or module.startswith(f"{room}.")
    ]
    return max(matches)[1]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_down(path: Path):
    module = module_name(path)
    for name in imported(path):
        top = name.partition(".")[0]
        if top in PACKAGES and name != "nas":
            assert floor(name) <= floor(module), f"{module} imports {name} from a floor above"
            assert name not in COMMANDS, f"{module} imports the command {name}"
            if module.startswith("proxies"):
                assert top != "controllers", f"{module} imports {name}; proxies see architectures only"
            if module.startswith("controllers"):
                assert top in ("controllers", "search_spaces"), (
                    f"{module} imports {name}; controllers see decisions only"
                )
        if top == "ray":
            assert f"{module}.".startswith("nas.engine.ray.")
        if top in ("omegaconf", "hydra"):
            assert module.startswith("nas.command_line.")
        if floor(module) == 0:
            assert top not in ("torch", "ray", "torchvision")


def test_every_command_is_listed():
    runnable = {module_name(path) for path in FILES if 'if __name__ == "__main__"' in path.read_text()}
    assert runnable == COMMANDS
