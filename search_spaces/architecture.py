"""The architecture as a small frozen value: a stem network and a scale-permuted network of blocks.

Every node is a block. Nodes are numbered from 0, and the stem's come first. Everything else (the DAG, the drawing, the
PyTorch module, the cost) is a pure function of this value and lives elsewhere.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces import canonical
from search_spaces.block import BlockSpec
from search_spaces.errors import ArchitectureError
from search_spaces.rules import find_problems
from search_spaces.vocabulary import family_of

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Architecture:
    """A stem network followed by a scale-permuted network (SpineNet, section 3).

    Attributes:
        stem: the fixed blocks, a chain that begins at the stem's convolution and pooling.
        blocks: the learned blocks in the order in which they are built.
        min_level, max_level: lowest and highest of the levels that must each have exactly one output block.

    Raises:
        ArchitectureError: a rule is broken; the sentence names the block and the rule.
    """

    stem: tuple[BlockSpec, ...]
    blocks: tuple[BlockSpec, ...]
    min_level: int = 3
    max_level: int = 7

    def __post_init__(self) -> None:
        object.__setattr__(self, "stem", tuple(self.stem))
        object.__setattr__(self, "blocks", tuple(self.blocks))
        for problem in find_problems(self.stem, self.blocks, self.min_level, self.max_level):
            raise ArchitectureError(problem)

    @property
    def nodes(self) -> tuple[BlockSpec, ...]:
        """All blocks by node index, stem first."""
        return self.stem + self.blocks

    @property
    def family(self) -> str:
        """``"spinenet"``, ``"mobile"`` or ``"resnet-fpn"``: it decides the widths, the stem and the connections.

        In the mobile family all blocks are ``mbconv`` (SpineNet, appendix A). In the ResNet-FPN family a ResNet is the
        stem network and a feature pyramid follows it. All other architectures belong to SpineNet's family.
        """
        return family_of({node.block_type for node in self.nodes})

    @property
    def outputs(self) -> dict[int, int]:
        """Level -> node index of its output block, levels ascending."""
        return dict(sorted((node.level, index) for index, node in enumerate(self.nodes) if node.is_output))

    @property
    def merge_edges(self) -> tuple[tuple[int, int], ...]:
        """(node, output block) pairs of the out-degree-0 rule; see :func:`search_spaces.canonical.merge_edges`."""
        return canonical.merge_edges(self.nodes)

    @property
    def live_nodes(self) -> tuple[int, ...]:
        """Ascending indices of the nodes in the compiled network; see :func:`search_spaces.canonical.live_nodes`."""
        return canonical.live_nodes(self.nodes, len(self.stem))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, which are equal exactly when two architectures compile to the same network."""
        return canonical.fingerprint(self.nodes, len(self.stem))

    def role(self, index: int) -> str:
        """``"stem"``, ``"intermediate"`` or ``"output"``."""
        if index < len(self.stem):
            return "stem"
        return "output" if self.nodes[index].is_output else "intermediate"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-serialisable dictionary with the schema version."""
        return {
            "schema_version": SCHEMA_VERSION,
            "min_level": self.min_level,
            "max_level": self.max_level,
            "stem": [_block_to_dict(block) for block in self.stem],
            "blocks": [_block_to_dict(block) for block in self.blocks],
        }

    @classmethod
    def from_dict(cls, data: Any, where: str = "architecture") -> Architecture:
        """Rebuild an architecture from the form that :meth:`to_dict` gives.

        The keys in ``NOTE_KEYS`` are notes, such as where the architecture came from. They carry no structure.

        Args:
            where: what the data came from, for example a file name; every error message begins with it.

        Raises:
            ArchitectureError: wrong schema version, a missing or unknown key, a wrong type, or a broken rule.
        """
        data = _expect(data, Mapping, where)
        version = data.get("schema_version")
        if version != SCHEMA_VERSION or not isinstance(version, int) or isinstance(version, bool):
            raise ArchitectureError(
                f"{where}: schema_version is {version!r}; this version of the project reads {SCHEMA_VERSION}."
            )
        known = {"schema_version", "min_level", "max_level", "stem", "blocks"}
        _check_keys(data, known, known | NOTE_KEYS, where)
        stem, blocks = (tuple(_blocks_from_list(data[key], f"{where}, {key}")) for key in ("stem", "blocks"))
        low, high = (_expect(data[key], int, f"{where}, {key}") for key in ("min_level", "max_level"))
        try:
            return cls(stem, blocks, low, high)
        except ArchitectureError as error:
            raise ArchitectureError(f"{where}: {error}") from None

    def to_json(self) -> str:
        """The dictionary of :meth:`to_dict` as readable JSON, one block per line."""
        return dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str, where: str = "architecture") -> Architecture:
        """Parse JSON text; ``where`` and the errors are as in :meth:`from_dict`."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArchitectureError(f"{where}: this is not JSON (line {error.lineno}: {error.msg}).") from None
        except (RecursionError, ValueError) as error:
            raise ArchitectureError(f"{where}: this is not JSON that describes an architecture ({error}).") from None
        return cls.from_dict(data, where)


NOTE_KEYS = frozenset({"name", "source", "scaling", "resolved", "head", "classes", "search"})


def load(path: str | Path) -> Architecture:
    """Read an architecture file.

    Raises:
        ArchitectureError: the file is missing, is not JSON, or holds no valid architecture.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise ArchitectureError(f"architecture file {path} cannot be read: {reason}.") from None
    return Architecture.from_json(text, str(path))


def dumps(data: Mapping[str, Any]) -> str:
    """An architecture dictionary (with its notes) as readable JSON: one key per line, one block per line."""
    lines = []
    for key, value in data.items():
        if key in ("stem", "blocks"):
            rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
            lines.append(f'  "{key}": [\n{rows}\n  ]' if value else f'  "{key}": []')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _block_to_dict(block: BlockSpec) -> dict[str, Any]:
    return {
        "level": block.level,
        "block_type": block.block_type,
        "parents": list(block.parents),
        "is_output": block.is_output,
    }


def _blocks_from_list(rows: Any, where: str) -> Iterator[BlockSpec]:
    keys = {"level", "block_type", "parents", "is_output"}
    for position, row in enumerate(_expect(rows, list, where)):
        here = f"{where}[{position}]"
        row = _expect(row, Mapping, here)
        _check_keys(row, {"level", "parents"}, keys, here)
        yield BlockSpec(
            level=_expect(row["level"], int, f"{here}.level"),
            block_type=_expect(row.get("block_type", "bottleneck"), str, f"{here}.block_type"),
            parents=tuple(
                _expect(parent, int, f"{here}.parents") for parent in _expect(row["parents"], list, f"{here}.parents")
            ),
            is_output=_expect(row.get("is_output", False), bool, f"{here}.is_output"),
        )


def _expect(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        names = {Mapping: "an object", list: "a list", int: "an integer", str: "a string", bool: "true or false"}
        raise ArchitectureError(f"{where}: {reprlib.repr(value)} is not {names[kind]}.")
    return value


def _check_keys(data: Mapping[str, Any], needed: set[str], allowed: set[str] | frozenset[str], where: str) -> None:
    for key in sorted(needed - set(data)):
        raise ArchitectureError(f"{where}: key {key!r} is missing; required: {', '.join(sorted(needed))}.")
    for key in sorted(set(data) - set(allowed)):
        raise ArchitectureError(f"{where}: unknown key {key!r}; allowed: {', '.join(sorted(allowed))}.")
