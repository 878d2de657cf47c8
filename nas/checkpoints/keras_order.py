"""The order in which Keras numbers the layers of a TF Model Garden backbone: ``layer_with_weights-N``.

A functional Keras model sorts its layers by depth, not by the time of their creation. The depth is the length of the
longest path to any output. Layers of the same depth are in the order in which a depth-first walk from the outputs first
meets them. The functions here rebuild the graph of layers that TF Model Garden creates, with one node for every Keras
layer and every TensorFlow operation on the way, and sort it in the same way. Width, alpha and activation do not matter;
repeats, wiring and merges do.

A layer is named by a :class:`nas.detectors.parts.Role` without a part. A block is one layer. A batch normalisation is a
layer of its own, with the part ``norm``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nas.detectors.parts import Role
from search_spaces.architecture import Architecture

UPSAMPLING = 5  # length of the longest path through TF Model Garden's nearest-neighbour up-sampling


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One node of the graph: its inputs in order, and its role if it has weights."""

    inputs: tuple[Layer, ...]
    role: Role | None = None


def spinenet_order(architecture: Architecture, repeats: int) -> list[Role]:
    """Roles of SpineNet's layers with weights; number N, from 0 on, is that of ``layer_with_weights-N``."""
    layer = _plain(_convolve(Layer(()), Role("stem")), 2)  # activation, pooling
    nodes: list[Layer] = []
    for index in range(len(architecture.stem)):
        layer = _group(layer, index, repeats)
        nodes.append(layer)
    for index in range(len(architecture.stem), len(architecture.nodes)):
        node = architecture.nodes[index]
        parts = [
            _connection(nodes[parent], _between(parent, index), architecture.nodes[parent].level, node.level)
            for parent in node.parents
        ]
        added = Layer((*parts, *(nodes[source] for source in _merged(architecture, index))))
        nodes.append(_group(_plain(added, 1), index, repeats))
    return _weighted(_endpoints(architecture, nodes))


def mobile_order(architecture: Architecture, repeats: int) -> list[Role]:
    """The same for SpineNet-mobile, which adds two inputs at a time and has one block per node."""
    layer = _plain(_convolve(Layer(()), Role("stem")), 1)
    nodes: list[Layer] = []
    for index in range(len(architecture.stem)):
        layer = _group(layer, index, 1)
        nodes.append(layer)
    for index in range(len(architecture.stem), len(architecture.nodes)):
        node = architecture.nodes[index]
        parts = [
            _mobile_connection(nodes[parent], _between(parent, index), node.level - architecture.nodes[parent].level)
            for parent in node.parents
        ]
        total, *others = (*parts, *(nodes[source] for source in _merged(architecture, index)))
        for other in others:
            total = Layer((total, other))
        nodes.append(_group(_plain(total, 1), index, 1))
    return _weighted(_endpoints(architecture, nodes))


def resnet_order(architecture: Architecture, repeats: int) -> list[Role]:
    """The same for ResNet, a chain with one block per node."""
    stem = Role("stem")
    return [stem, _norm(stem), *(Role("block", node=index, index=0) for index in range(len(architecture.stem)))]


def pyramid_order(architecture: Architecture) -> list[Role]:
    """The same for the feature pyramid, which is a Keras model of its own."""
    low, high = architecture.min_level, architecture.max_level
    top = min(max(node.level for node in architecture.stem), high)
    lateral = {level: Layer((Layer(()),), Role("pyramid", "lateral", level=level)) for level in range(low, top + 1)}
    features = {top: lateral[top]}
    for level in range(top - 1, low - 1, -1):
        features[level] = Layer((_plain(features[level + 1], UPSAMPLING), lateral[level]))
    for level in range(low, top + 1):
        features[level] = Layer((features[level],), Role("pyramid", "smooth", level=level))
    for level in range(top + 1, high + 1):
        below = features[level - 1] if level == top + 1 else _plain(features[level - 1], 1)
        features[level] = Layer((below,), Role("pyramid", "coarser", level=level))
    return _weighted(
        [Layer((features[level],), _norm(Role("pyramid", "norm", level=level))) for level in range(low, high + 1)]
    )


def sort_layers(outputs: Sequence[Layer]) -> list[Layer]:
    """All layers that ``outputs`` need, in Keras' order; ``outputs`` must be sorted by their keys as text."""
    met: dict[Layer, int] = {}
    finished: list[Layer] = []

    def walk(layer: Layer) -> None:
        if layer in met:
            return
        met[layer] = len(met)
        for parent in layer.inputs:
            walk(parent)
        finished.append(layer)

    for output in outputs:
        walk(output)
    depths = dict.fromkeys(met, 0)
    for layer in reversed(finished):  # every layer comes after all layers that use it
        for parent in layer.inputs:
            depths[parent] = max(depths[parent], depths[layer] + 1)
    return sorted(met, key=lambda layer: (-depths[layer], met[layer]))


def _weighted(outputs: Sequence[Layer]) -> list[Role]:
    return [layer.role for layer in sort_layers(outputs) if layer.role is not None]


def _plain(layer: Layer, count: int) -> Layer:
    """``count`` layers without weights, one after the other."""
    for _ in range(count):
        layer = Layer((layer,))
    return layer


def _norm(layer: Role) -> Role:
    """The batch normalisation that follows a layer."""
    return replace(layer, part="norm")


def _between(parent: int, node: int) -> Role:
    """A connection whose layer is not named yet."""
    return Role("connection", node=node, parent=parent)


def _convolve(layer: Layer, role: Role) -> Layer:
    return Layer((Layer((layer,), role),), _norm(role))


def _group(layer: Layer, node: int, repeats: int) -> Layer:
    """The blocks of a node and the identity that ends them."""
    for repeat in range(repeats):
        layer = Layer((layer,), Role("block", node=node, index=repeat))
    return _plain(layer, 1)


def _connection(layer: Layer, role: Role, level: int, target: int) -> Layer:
    layer = _plain(_convolve(layer, replace(role, layer="narrow")), 1)
    if level < target:
        layer = _convolve(layer, replace(role, layer="down"))
        layer = _plain(layer, 1 + target - level - 1)  # activation, poolings
    elif level > target:
        layer = _plain(layer, UPSAMPLING)
    return _convolve(layer, replace(role, layer="widen"))


def _mobile_connection(layer: Layer, role: Role, down: int) -> Layer:
    for at in range(down):
        layer = _plain(_convolve(layer, replace(role, layer="down", index=at)), 1)
    return _convolve(_plain(layer, UPSAMPLING) if down < 0 else layer, replace(role, layer="widen"))


def _merged(architecture: Architecture, index: int) -> Iterable[int]:
    return (source for source, target in architecture.merge_edges if target == index)


def _endpoints(architecture: Architecture, nodes: Sequence[Layer]) -> list[Layer]:
    return [
        _plain(_convolve(nodes[index], Role("endpoint", level=level)), 1)
        for level, index in architecture.outputs.items()
    ]
