"""The architecture as a small frozen value: a stem network and a scale-permuted network of blocks.

A node is a block; nodes are numbered from 0, the stem's first. Everything else (the DAG, the drawing, the PyTorch
module, the cost) is a pure function of this value and lives elsewhere.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces import canonical
from search_spaces.errors import ArchitectureError

SCHEMA_VERSION = 1
SCALE_PERMUTED_TYPES = ("bottleneck", "residual")
BLOCK_TYPES = (*SCALE_PERMUTED_TYPES, "mbconv", "fpn")
FAMILIES = ("spinenet", "mobile", "resnet-fpn")
MIN_BLOCK_LEVEL = 1
MAX_BLOCK_LEVEL = 7


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One block (a node of the DAG).

    Attributes:
        level: feature level l; the block works at stride ``2**l``.
        block_type: one of ``BLOCK_TYPES``: a bottleneck or residual block of ResNet, an inverted bottleneck with
            squeeze-and-excite (``mbconv``), or a level of a feature pyramid network (``fpn``).
        parents: indices of the nodes that feed the block, all smaller than its own. Empty only for the first stem
            block, which reads the stem's convolution and, unless it is an ``mbconv`` block, pooling.
        is_output: whether the block is an output block, one per level from ``min_level`` to ``max_level``.
    """

    level: int
    block_type: str = "bottleneck"
    parents: tuple[int, ...] = ()
    is_output: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))


@dataclass(frozen=True, slots=True)
class Architecture:
    """A stem network followed by a scale-permuted network (SpineNet, section 3).

    Attributes:
        stem: the fixed blocks, a chain starting at the pooled stem convolution.
        blocks: the learned blocks in the order in which they are built.
        min_level, max_level: the range of levels that must each have exactly one output block.

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
        for problem in find_problems(self):
            raise ArchitectureError(problem)

    @property
    def nodes(self) -> tuple[BlockSpec, ...]:
        """All blocks by node index, stem first."""
        return self.stem + self.blocks

    @property
    def family(self) -> str:
        """One of ``FAMILIES``, which decides on block widths and resampling.

        ``"mobile"``: all blocks are ``mbconv`` (SpineNet, appendix A). ``"resnet-fpn"``: a ResNet as the stem
        network and a feature pyramid after it. ``"spinenet"``: everything else.
        """
        types = {node.block_type for node in self.nodes}
        return "mobile" if "mbconv" in types else "resnet-fpn" if "fpn" in types else "spinenet"

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
        """Indices of the nodes that reach an output block, and so are in the compiled network."""
        return canonical.live_nodes(self.nodes, len(self.stem))

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits, equal exactly for architectures that compile to the same network."""
        return canonical.fingerprint(self.nodes, len(self.stem))

    def role(self, index: int) -> str:
        """``"stem"``, ``"intermediate"`` or ``"output"``."""
        if index < len(self.stem):
            return "stem"
        return "output" if self.nodes[index].is_output else "intermediate"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary with the schema version."""
        return {
            "schema_version": SCHEMA_VERSION,
            "min_level": self.min_level,
            "max_level": self.max_level,
            "stem": [_block_to_dict(block) for block in self.stem],
            "blocks": [_block_to_dict(block) for block in self.blocks],
        }

    @classmethod
    def from_dict(cls, data: Any, where: str = "architecture") -> Architecture:
        """Rebuild from :meth:`to_dict`'s form; ``where`` (a file name) begins every error sentence.

        Keys in ``NOTE_KEYS`` are notes (where it came from) and carry no structure.

        Raises:
            ArchitectureError: wrong schema version, a missing or unknown key, a wrong type, or a broken rule.
        """
        data = _expect(data, Mapping, where)
        version = data.get("schema_version")
        if version != SCHEMA_VERSION or not isinstance(version, int) or isinstance(version, bool):
            raise ArchitectureError(
                f"{where}: schema_version is {version!r}, this version of the project reads {SCHEMA_VERSION}."
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
        """The dictionary of :meth:`to_dict` as readable JSON, one block a line."""
        return dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str, where: str = "architecture") -> Architecture:
        """Parse JSON text; errors as in :meth:`from_dict`."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArchitectureError(f"{where}: not JSON (line {error.lineno}: {error.msg}).") from None
        except (RecursionError, ValueError) as error:
            raise ArchitectureError(f"{where}: not JSON of an architecture ({error}).") from None
        return cls.from_dict(data, where)


NOTE_KEYS = frozenset({"name", "source", "scaling", "head", "classes", "search"})


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
    """An architecture dictionary (with its notes) as readable JSON: one key a line, one block a line."""
    lines = []
    for key, value in data.items():
        if key in ("stem", "blocks"):
            rows = ",\n".join(f"    {json.dumps(row)}" for row in value)
            lines.append(f'  "{key}": [\n{rows}\n  ]' if value else f'  "{key}": []')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def find_problems(architecture: Architecture) -> Iterator[str]:
    """Yield a sentence for every rule the architecture breaks; nothing when it is valid."""
    nodes = architecture.nodes
    low, high = architecture.min_level, architecture.max_level
    if not MIN_BLOCK_LEVEL <= low <= high <= MAX_BLOCK_LEVEL:
        yield (
            f"min_level {low} and max_level {high} must satisfy {MIN_BLOCK_LEVEL} <= min_level <= max_level "
            f"<= {MAX_BLOCK_LEVEL}."
        )
    if not architecture.stem:
        yield "the stem has no block; it needs at least one to read the stem convolution."
    for index, node in enumerate(nodes):
        yield from _block_problems(index, node, len(nodes), is_stem=index < len(architecture.stem))
    yield from _stem_problems(architecture.stem)
    yield from _type_problems(architecture)
    yield from _output_problems(nodes, low, high)


def _block_problems(index: int, node: BlockSpec, count: int, is_stem: bool) -> Iterator[str]:
    where = f"block {index}"
    if node.block_type not in BLOCK_TYPES:
        yield f"{where} has block_type {node.block_type!r}; allowed: {', '.join(BLOCK_TYPES)}."
    if not MIN_BLOCK_LEVEL <= node.level <= MAX_BLOCK_LEVEL:
        yield f"{where} has level {node.level}; allowed: {MIN_BLOCK_LEVEL} to {MAX_BLOCK_LEVEL}."
    if is_stem:
        expected = (index - 1,) if index else ()
        if node.parents != expected:
            yield f"{where} is in the stem and has parents {node.parents}; the stem is a chain, so {expected} is due."
        if node.is_output:
            yield f"{where} is in the stem and is marked as an output; outputs belong to the scale-permuted network."
        return
    if not node.parents:
        yield f"{where} has no parent; every block after the stem needs at least one."
    for parent in node.parents:
        if not 0 <= parent < count:
            yield f"{where} has parent {parent}, which is no block; a parent is one of blocks 0 to {index - 1}."
        elif parent >= index:
            yield (
                f"{where} has parent {parent}, which does not come before it, so the graph may have a cycle; a parent "
                f"is one of blocks 0 to {index - 1}."
            )
    if len(set(node.parents)) != len(node.parents):
        yield f"{where} has parents {node.parents}; parents must be distinct."


def _stem_problems(stem: tuple[BlockSpec, ...]) -> Iterator[str]:
    """Levels rise by at most one from block to block, from where the stem's convolution and pooling leave them."""
    if not stem:
        return
    before = 1 if stem[0].block_type == "mbconv" else 2
    if stem[0].level != before:
        yield f"block 0 is the stem's first and has level {stem[0].level}; the stem's input is at level {before}."
    for index, node in enumerate(stem[1:], start=1):
        level = stem[index - 1].level
        if node.level not in (level, level + 1):
            yield f"block {index} is in the stem and has level {node.level}; after level {level} comes it or the next."


def _type_problems(architecture: Architecture) -> Iterator[str]:
    """``mbconv`` blocks keep to themselves; an ``fpn`` block has its place in a feature pyramid."""
    nodes, first = architecture.nodes, len(architecture.stem)
    mobile = [index for index, node in enumerate(nodes) if node.block_type == "mbconv"]
    if mobile and len(mobile) < len(nodes):
        other = next(index for index in range(len(nodes)) if index not in mobile)
        yield (
            f"block {mobile[0]} is of type mbconv and block {other} of type {nodes[other].block_type}; mbconv does not "
            f"mix with other types."
        )
    pyramid = [index for index, node in enumerate(nodes) if node.block_type == "fpn"]
    if not pyramid:
        return
    for index, node in enumerate(nodes):
        if (node.block_type == "fpn") != (index >= first):
            yield f"block {index} is of type {node.block_type}; with fpn blocks, these and no others follow the stem."
            return
    for index in pyramid:
        node = nodes[index]
        kinds = [(parent >= first, nodes[parent].level - node.level) for parent in node.parents if parent < index]
        if kinds not in ([(False, 0)], [(False, 0), (True, 1)], [(True, -1)]) or not node.is_output:
            yield (
                f"block {index} is an fpn block at level {node.level} with parents {node.parents}; it must be an "
                f"output with a stem block of its own level, then the fpn block one level above if there is one, as "
                f"parents; or, above the stem's levels, with the fpn block one level below alone."
            )


def _output_problems(nodes: tuple[BlockSpec, ...], low: int, high: int) -> Iterator[str]:
    seen: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not node.is_output:
            continue
        if node.level in seen:
            yield f"blocks {seen[node.level]} and {index} are both the output of level {node.level}; one is allowed."
        if not low <= node.level <= high:
            yield f"block {index} is an output at level {node.level}; outputs lie at levels {low} to {high}."
        seen[node.level] = index
    for level in range(low, high + 1):
        if level not in seen:
            yield f"no block is the output of level {level}; every level from {low} to {high} needs one."


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
        raise ArchitectureError(f"{where}: key {key!r} is missing; needed: {', '.join(sorted(needed))}.")
    for key in sorted(set(data) - set(allowed)):
        raise ArchitectureError(f"{where}: unknown key {key!r}; allowed: {', '.join(sorted(allowed))}.")
