"""A room imports from rooms on lower floors alone; no import goes round in a circle; README has the same order."""

import ast
import re
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("search_spaces",),
    ("nas.words", "nas.disk", "nas.machine", "nas.statistics"),
    ("controllers", "nas.detectors", "nas.datasets"),
    ("nas.training", "nas.evaluation", "nas.checkpoints", "nas.export"),
    ("proxies", "nas.detecting"),
    ("nas.engine",),
    ("nas.studies",),
    ("nas.reporting",),
    ("nas.command_line",),
    ("nas",),
)
"""Rooms from the lowest floor up; ``nas`` itself holds the commands."""
DETECTOR_ROOMS = {"backbones": ("heads", "inference"), "heads": ("backbones", "inference"), "inference": ("backbones",)}
"""Room of ``nas.detectors`` -> rooms beside it that it does not know."""
HOMES = {"ray": "nas.engine.ray", "hydra": "nas.command_line", "omegaconf": "nas.command_line"}
"""Library -> the only room that imports it."""
PACKAGES = ("search_spaces", "controllers", "proxies", "nas")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere, for types alone too; the project's own by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in MODULES else node.module)
    return found


IMPORTS = {module: imported(path) for module, path in MODULES.items()}


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> tuple[int, str]:
    """(floor, room): the room with the longest name that the module lies in."""
    return max(
        ((level, room) for level, rooms in enumerate(FLOORS) for room in rooms if is_in(module, room)),
        key=lambda one: len(one[1]),
    )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down(module: str):
    level, room = room_of(module)
    for name in IMPORTS[module] & set(MODULES):
        other_level, other = room_of(name)
        assert other == room or other_level < level, f"{module} imports {name}, which lies on no lower floor"
    if room == "proxies":
        assert not any(is_in(name, "controllers") for name in IMPORTS[module]), "proxies see architectures alone"
    if room == "controllers":
        known = ("controllers", "search_spaces")
        own = IMPORTS[module] & set(MODULES)
        assert all(any(is_in(name, one) for one in known) for name in own), "controllers see decisions alone"


def test_no_import_goes_round_in_a_circle():
    graph = nx.DiGraph((module, name) for module, names in IMPORTS.items() for name in names if name in MODULES)
    graph.remove_edges_from(nx.selfloop_edges(graph))
    assert not list(nx.simple_cycles(graph))


@pytest.mark.parametrize("room", DETECTOR_ROOMS)
def test_rooms_of_the_detectors_do_not_know_each_other(room: str):
    for module in MODULES:
        if is_in(module, f"nas.detectors.{room}"):
            for other in DETECTOR_ROOMS[room]:
                known = [name for name in IMPORTS[module] if is_in(name, f"nas.detectors.{other}")]
                assert not known, f"{module} imports {known}"


def test_large_libraries_have_one_home():
    for module, names in IMPORTS.items():
        tops = {name.partition(".")[0] for name in names}
        for library, home in HOMES.items():
            assert library not in tops or is_in(module, home), f"{module} imports {library}"
        if room_of(module)[0] <= 1:
            assert not tops & {"torch", "torchvision", "ray"}, f"{module} imports a framework"


def test_the_table_of_the_readme_has_the_order_of_the_floors():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## Finding your way") :]
    rows = re.findall(r"^\| (\d+) \| (.*?) \|", table, re.MULTILINE)
    listed = [(int(number), name) for number, names in rows for name in re.findall(r"`([\w/*.]+)`", names)]
    expected = [
        (level, "nas/*.py" if room == "nas" else f"{room.replace('.', '/')}/")
        for level, rooms in enumerate(FLOORS, start=1)
        for room in rooms
    ]
    assert sorted(listed) == sorted(expected)
    assert [number for number, _ in listed] == sorted(number for number, _ in listed)
