"""The space of the SpineNet paper: scale permutations, cross-scale connections, block adjustments (section 3).

A sequence decides, in this order: the base level of each intermediate block, drawn from a multiset; the level of each
output block; the parents of every block, in ascending order, so that a set of parents is one sequence; the level offset
of each intermediate block; the type of every block.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from search_spaces.architecture import Architecture
from search_spaces.base import SearchSpace
from search_spaces.block import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL, BlockSpec
from search_spaces.decisions import Decision, Decisions
from search_spaces.errors import SpaceError
from search_spaces.vocabulary import SCALE_PERMUTED_TYPES


@dataclass(frozen=True)
class ScalePermutedSpace(SearchSpace):
    """The space and its settings; the defaults are the paper's SpineNet space.

    Attributes:
        stem: levels of the fixed stem blocks, a chain.
        intermediates: base levels of the intermediate blocks before level adjustment.
        outputs: levels of the output blocks, a contiguous range with one block per level.
        parents_per_block: how many distinct parents each block takes.
        intermediate_window: an intermediate block's parents must be among this many blocks before it (None: all).
        output_window: the same for an output block.
        level_offsets: level adjustments of intermediate blocks; an offset that leads out of levels 1 to 7 is masked.
        block_types: types that a block may have.
        stem_type: type of the stem blocks.
        permute_intermediates, permute_outputs: whether the order is searched or stays as listed.

    Raises:
        SpaceError: a setting is out of range.
    """

    name: str = "spinenet"
    stem: tuple[int, ...] = (2, 2)
    intermediates: tuple[int, ...] = (2, 3, 3, 3, 4, 4, 4, 4, 4, 5)
    outputs: tuple[int, ...] = (3, 4, 5, 6, 7)
    parents_per_block: int = 2
    intermediate_window: int | None = 5
    output_window: int | None = None
    level_offsets: tuple[int, ...] = (-1, 0, 1, 2)
    block_types: tuple[str, ...] = ("bottleneck", "residual")
    stem_type: str = "bottleneck"
    permute_intermediates: bool = True
    permute_outputs: bool = True

    def __post_init__(self) -> None:
        for field in ("stem", "intermediates", "outputs", "level_offsets", "block_types"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        for problem in self._setting_problems():
            raise SpaceError(f"space {self.name}: {problem}")

    def next_decision(self, prefix: Sequence[int]) -> Decision | None:
        """The choice point after ``prefix``; see the module's docstring for the order."""
        at = len(prefix)
        if at >= len(self.slots):
            return None
        name, kind, _ = self.slots[at]
        if kind == "intermediate_level":
            return self._order_decision(name, kind, self.intermediates, self.permute_intermediates, prefix, at)
        if kind == "output_level":
            start = len(self.intermediates)
            return self._order_decision(name, kind, self.outputs, self.permute_outputs, prefix[start:], at - start)
        if kind == "parent":
            return self._parent_decision(name, prefix, at)
        if kind == "level_offset":
            base = sorted(set(self.intermediates))[prefix[at - self._first["level_offset"]]]
            return Decision(name, kind, self.level_offsets, self._offset_weights(base))
        return Decision(name, kind, self.block_types, (1,) * len(self.block_types))

    def decode(self, decisions: Sequence[int]) -> Architecture:
        """The architecture of a complete sequence; its parents are in ascending order.

        Raises:
            SpaceError: the sequence is too short, too long, or takes a forbidden choice.
        """
        self.check_decisions(decisions)
        taken: dict[str, list[int]] = {}
        for index, (_, kind, _) in zip(decisions, self.slots, strict=True):
            taken.setdefault(kind, []).append(index)
        base_levels = sorted(set(self.intermediates))
        offsets = [self.level_offsets[index] for index in taken.get("level_offset", ())]
        levels = [base_levels[index] + offset for index, offset in zip(taken["intermediate_level"], offsets)]
        levels += [sorted(self.outputs)[index] for index in taken["output_level"]]
        width = self.parents_per_block
        blocks = (
            BlockSpec(
                level=level,
                block_type=self.block_types[taken["block_type"][at]],
                parents=tuple(taken["parent"][at * width : (at + 1) * width]),
                is_output=at >= len(self.intermediates),
            )
            for at, level in enumerate(levels)
        )
        return Architecture(self._stem_blocks(), tuple(blocks), min(self.outputs), max(self.outputs))

    def encode(self, architecture: Architecture) -> Decisions:
        """A sequence that decodes to the architecture.

        Several base levels can lead to one adjusted level; the first assignment with the smallest offsets is taken.

        Raises:
            SpaceError: the architecture is not in the space; the sentence names the block and the rule.
        """
        for problem in self._membership_problems(architecture):
            raise SpaceError(f"space {self.name} does not contain this architecture: {problem}")
        split, blocks = len(self.intermediates), architecture.blocks
        bases = self._assign_bases([block.level for block in blocks[:split]])
        if bases is None:
            raise SpaceError(
                f"space {self.name} does not contain this architecture: its intermediate levels "
                f"{[block.level for block in blocks[:split]]} cannot be reached from base levels "
                f"{list(self.intermediates)} with offsets {list(self.level_offsets)}."
            )
        base_levels, output_levels = sorted(set(self.intermediates)), sorted(self.outputs)
        sequence = [base_levels.index(base) for base in bases]
        sequence += [output_levels.index(block.level) for block in blocks[split:]]
        for block in blocks:
            sequence += sorted(block.parents)
        sequence += [
            self.level_offsets.index(block.level - base) for block, base in zip(blocks[:split], bases, strict=True)
        ]
        sequence += [self.block_types.index(block.block_type) for block in blocks]
        return tuple(sequence)

    def size(self) -> int:
        """Orders x connections x level adjustments x block types; each sequence is counted once."""
        return math.prod(self.size_factors().values())

    def size_factors(self) -> dict[str, int]:
        """The four factors of :meth:`size`."""
        orders = 1
        if self.permute_intermediates:
            repeats = math.prod(math.factorial(count) for count in Counter(self.intermediates).values())
            orders *= math.factorial(len(self.intermediates)) // repeats
        if self.permute_outputs:
            orders *= math.factorial(len(self.outputs))
        windows = (len(self._candidates(node)) for node in self._searched_nodes)
        return {
            "orders": orders,
            "connections": math.prod(math.comb(window, self.parents_per_block) for window in windows),
            "levels": math.prod(sum(self._offset_weights(base)) for base in self.intermediates),
            "types": len(self.block_types) ** len(self._searched_nodes),
        }

    def paper_size(self) -> int:
        """The paper's count (section 3.1), which tells blocks of one level apart and ignores the parent window."""
        first, count = len(self.stem), len(self._searched_nodes)
        return (
            math.factorial(len(self.intermediates))
            * math.factorial(len(self.outputs))
            * math.prod(math.comb(node, self.parents_per_block) for node in range(first, first + count))
            * len(self.level_offsets) ** len(self.intermediates)
            * len(self.block_types) ** count
        )

    @cached_property
    def slots(self) -> tuple[tuple[str, str, int], ...]:
        """(name, kind, number of choices) of every choice point, in order."""
        nodes = self._searched_nodes
        split = len(self.intermediates)
        base_count = len(set(self.intermediates))
        total = len(self.stem) + len(nodes)
        return (
            *((f"block{node}.base_level", "intermediate_level", base_count) for node in nodes[:split]),
            *((f"block{node}.output_level", "output_level", len(self.outputs)) for node in nodes[split:]),
            *(
                (f"block{node}.parent{parent}", "parent", total - 1)
                for node in nodes
                for parent in range(self.parents_per_block)
            ),
            *((f"block{node}.level_offset", "level_offset", len(self.level_offsets)) for node in nodes[:split]),
            *((f"block{node}.block_type", "block_type", len(self.block_types)) for node in nodes),
        )

    @cached_property
    def _first(self) -> dict[str, int]:
        """Position of the first choice point of each kind."""
        kinds = [kind for _, kind, _ in self.slots]
        return {kind: kinds.index(kind) for kind in dict.fromkeys(kinds)}

    @cached_property
    def _searched_nodes(self) -> tuple[int, ...]:
        first = len(self.stem)
        return tuple(range(first, first + len(self.intermediates) + len(self.outputs)))

    def _stem_blocks(self) -> tuple[BlockSpec, ...]:
        return tuple(
            BlockSpec(level, self.stem_type, (index - 1,) if index else ()) for index, level in enumerate(self.stem)
        )

    def _candidates(self, node: int) -> range:
        """The nodes that may feed ``node``."""
        is_output = node >= len(self.stem) + len(self.intermediates)
        window = self.output_window if is_output else self.intermediate_window
        return range(0 if window is None else max(0, node - window), node)

    def _order_decision(
        self, name: str, kind: str, levels: Sequence[int], permute: bool, taken: Sequence[int], at: int
    ) -> Decision:
        choices = tuple(sorted(set(levels)))
        if permute:
            left = Counter(levels)
            left.subtract(choices[index] for index in taken)
            weights = tuple(left[choice] for choice in choices)
        else:
            weights = tuple(int(choice == levels[at]) for choice in choices)
        return Decision(name, kind, choices, weights)

    def _parent_decision(self, name: str, prefix: Sequence[int], at: int) -> Decision:
        which, rank = divmod(at - self._first["parent"], self.parents_per_block)
        candidates = self._candidates(self._searched_nodes[which])
        lowest = prefix[at - 1] + 1 if rank else candidates.start
        still_needed = self.parents_per_block - rank - 1
        choices = tuple(range(self.slots[at][2]))
        weights = tuple(
            math.comb(candidates.stop - 1 - choice, still_needed) if lowest <= choice < candidates.stop else 0
            for choice in choices
        )
        return Decision(name, "parent", choices, weights)

    def _offset_weights(self, base: int) -> tuple[int, ...]:
        return tuple(int(MIN_BLOCK_LEVEL <= base + offset <= MAX_BLOCK_LEVEL) for offset in self.level_offsets)

    def _assign_bases(self, levels: Sequence[int]) -> list[int] | None:
        """Base levels, one per intermediate block, that together use up the multiset; None if there are none."""
        offsets = sorted(self.level_offsets, key=lambda offset: (abs(offset), offset))
        if not self.permute_intermediates:
            reachable = all(
                level - base in self.level_offsets for level, base in zip(levels, self.intermediates, strict=True)
            )
            return list(self.intermediates) if reachable else None
        dead_ends: set[tuple[int, tuple[tuple[int, int], ...]]] = set()

        def extend(at: int, left: Counter[int]) -> list[int] | None:
            if at == len(levels):
                return []
            state = (at, tuple(sorted(left.items())))
            if state in dead_ends:
                return None
            for offset in offsets:
                base = levels[at] - offset
                if left[base] > 0 and (rest := extend(at + 1, left - Counter([base]))) is not None:
                    return [base, *rest]
            dead_ends.add(state)
            return None

        return extend(0, Counter(self.intermediates))

    def _membership_problems(self, architecture: Architecture) -> list[str]:
        if architecture.stem != self._stem_blocks():
            return [f"its stem is {architecture.stem}; the space's has levels {self.stem} and type {self.stem_type}."]
        blocks, split, first = architecture.blocks, len(self.intermediates), len(self.stem)
        if len(blocks) != len(self._searched_nodes):
            return [f"it has {len(blocks)} blocks after the stem; the space has {len(self._searched_nodes)}."]
        problems = []
        for at, block in enumerate(blocks):
            where = f"block {first + at}"
            if block.is_output != (at >= split):
                problems.append(f"{where} is {'' if block.is_output else 'not '}an output; the outputs must come last.")
            if block.block_type not in self.block_types:
                problems.append(f"{where} has type {block.block_type}; allowed: {', '.join(self.block_types)}.")
            if len(block.parents) != self.parents_per_block:
                problems.append(f"{where} has {len(block.parents)} parents; it must have {self.parents_per_block}.")
            window = self._candidates(first + at)
            if not set(block.parents) <= set(window):
                problems.append(f"{where} has parents {block.parents}; allowed: {window.start} to {window.stop - 1}.")
        output_levels = tuple(block.level for block in blocks[split:])
        order = sorted if self.permute_outputs else tuple
        if order(output_levels) != order(self.outputs):
            problems.append(f"its outputs are at levels {output_levels}; the space has {self.outputs}.")
        return problems

    def _setting_problems(self) -> list[str]:
        problems = []
        for field in ("stem", "intermediates", "outputs"):
            bad = [level for level in getattr(self, field) if not MIN_BLOCK_LEVEL <= level <= MAX_BLOCK_LEVEL]
            if bad:
                problems.append(f"{field} has levels {bad}; allowed: {MIN_BLOCK_LEVEL} to {MAX_BLOCK_LEVEL}.")
        if not self.outputs or sorted(self.outputs) != list(range(min(self.outputs), max(self.outputs) + 1)):
            problems.append(f"outputs is {list(self.outputs)}; it must be distinct, contiguous levels.")
        if not self.intermediates:
            problems.append("intermediates is empty; give at least one base level.")
        if not self.stem or not self.level_offsets:
            problems.append("stem and level_offsets must not be empty.")
        elif not 1 <= self.parents_per_block <= len(self.stem):
            problems.append(
                f"parents_per_block is {self.parents_per_block}; with {len(self.stem)} stem blocks it must be "
                f"1 to {len(self.stem)}, since the first block has no other candidates."
            )
        for field in ("intermediate_window", "output_window"):
            window = getattr(self, field)
            if window is not None and window < self.parents_per_block:
                problems.append(f"{field} is {window}; it must be at least parents_per_block, or null.")
        if self.stem_type not in SCALE_PERMUTED_TYPES:
            problems.append(f"stem_type is {self.stem_type!r}; allowed: {', '.join(SCALE_PERMUTED_TYPES)}.")
        unknown = [kind for kind in self.block_types if kind not in SCALE_PERMUTED_TYPES]
        if unknown or not self.block_types or len(set(self.block_types)) != len(self.block_types):
            problems.append(
                f"block_types is {list(self.block_types)}; allowed: distinct types out of {list(SCALE_PERMUTED_TYPES)}."
            )
        if len(set(self.level_offsets)) != len(self.level_offsets):
            problems.append(f"level_offsets is {list(self.level_offsets)}; offsets must be distinct.")
        unreachable = [base for base in set(self.intermediates) if not sum(self._offset_weights(base))]
        if not problems and unreachable:
            problems.append(f"no level offset keeps base levels {unreachable} within 1 to {MAX_BLOCK_LEVEL}.")
        return problems
