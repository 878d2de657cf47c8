"""What a training begins with: new weights, or those of a file, for the classes of the data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from nas.detectors import Network, build_detector, load_detector, read_trained_on
from nas.words import plural
from search_spaces.errors import ConfigError

_SHOWN = 5


def from_weights(path: str | Path, class_names: Sequence[str], seed: int) -> tuple[Network, str]:
    """The network in a file of weights, with outputs for these classes; and a sentence about what was taken over.

    Where the file knows its classes and they are the same, in the same order, all is taken over. Otherwise every tensor
    whose shape depends on the number of classes is made new, by the seed. A file that does not know its classes is
    taken at its number of them.

    Raises:
        ConfigError: the file cannot be read.
    """
    network, told = load_detector(path), read_trained_on(path)
    own = None if told is None else told.class_names
    outputs = len(class_names) + 1
    if own is not None and tuple(own) == tuple(class_names):
        return network, f"weights {path}: all are taken over, the {len(own)} classes are the same."
    if own is None and network.classes == outputs:
        return network, (
            f"weights {path}: all are taken over; the file does not name its classes, and their number is right."
        )
    torch.manual_seed(seed)
    new = build_detector(network.architecture, network.scaling, network.head_name, outputs)
    made_new = class_tensors(network)
    kept = {name: value for name, value in network.state_dict().items() if name not in made_new}
    new.load_state_dict({**new.state_dict(), **kept})
    return new, (
        f"weights {path}: {_difference(own, network.classes - 1, class_names)}, so the class outputs "
        f"({plural(len(made_new), 'tensor')}) are made new, and {plural(len(kept), 'tensor')} are taken over."
    )


def class_tensors(network: Network) -> set[str]:
    """Names of the tensors whose shape depends on the number of classes."""
    with torch.device("meta"):
        other = build_detector(network.architecture, network.scaling, network.head_name, network.classes + 1)
    shapes = {name: value.shape for name, value in other.state_dict().items()}
    return {name for name, value in network.state_dict().items() if value.shape != shapes[name]}


def check_labels(labels: Sequence[int], network: Network, source: str) -> None:
    """Check that the network has an output for every class of the objects to train on.

    Raises:
        ConfigError: it has not.
    """
    highest = max(labels, default=0)
    if highest >= network.classes or min(labels, default=1) < 1:
        raise ConfigError(
            f"data set {source}: an object has class {highest if highest >= network.classes else min(labels)}, and the "
            f"detector's classes are 1 to {network.classes - 1}; build it for the classes of the data set."
        )


def _difference(own: Sequence[str] | None, count: int, wanted: Sequence[str]) -> str:
    """In what the classes of a file differ from those of the data set."""
    if own is None:
        return f"they are for {count} classes without names and the data set has {len(wanted)}"
    missing, unknown = [one for one in wanted if one not in own], [one for one in own if one not in wanted]
    if not missing and not unknown:
        return "their classes are those of the data set in another order"
    parts = [
        f"only {which} {verb} {_some(names)}"
        for which, verb, names in (("the data set", "has", missing), ("the weights", "have", unknown))
        if names
    ]
    return "their classes are others than the data set's (" + "; ".join(parts) + ")"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
