"""The tensors of a training by name, as a checkpoint keeps them, and back into their places."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from nas.training.flat import FlatWeights
from search_spaces.errors import RecordError


def tensors_of(
    weights: FlatWeights, optimiser: torch.optim.Optimizer, average: AveragedModel | None
) -> dict[str, Tensor]:
    """Weights and statistics, their average where there is one, and what the optimiser remembers of them."""
    named = {f"weights.{name}": value for name, value in weights.state_dict().items()}
    if average is not None:
        named |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, remembered in optimiser.state_dict()["state"].items():
        named |= {f"optimiser.{number}.{name}": value for name, value in remembered.items() if value is not None}
    return named


def restore_tensors(
    named: Mapping[str, Tensor], weights: FlatWeights, optimiser: torch.optim.Optimizer, average: AveragedModel | None
) -> None:
    """Put back what :func:`tensors_of` gave.

    Raises:
        RecordError: they are of another network, or of other settings of the optimiser.
    """
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "average": {}, "optimiser": {}}
    for name, value in named.items():
        group, _, rest = name.partition(".")
        groups[group][rest] = value
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in groups["optimiser"].items():
        number, _, rest = name.partition(".")
        states.setdefault(int(number), {})[rest] = value
    try:
        weights.load_state_dict(groups["weights"])
        if average is not None:
            average.load_state_dict(groups["average"])
        optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})
    except (RuntimeError, ValueError, KeyError) as error:
        raise RecordError(
            f"the state is of another detector or optimiser: {str(error).splitlines()[-1].strip()}"
        ) from None


def layout(network: nn.Module) -> str:
    """16 hexadecimal digits for the names and the shapes of a network's tensors, which decide where each lies."""
    shapes = [(name, list(value.shape)) for name, value in network.state_dict().items()]
    return hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:16]
