"""Reading the files beside this one."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.export.standalone.graph import Graph

HEADS: dict[str, type[nn.Module]] = {}
"""Name of a head in ``architecture.json`` -> class of the network; each head adds itself below."""


def load(folder: str | Path) -> nn.Module:
    """The network in ``folder`` with its weights, in evaluation mode."""
    description = json.loads((Path(folder) / "architecture.json").read_text(encoding="utf-8"))
    graph = Graph(description)
    network = HEADS[description["head"]](graph, description["classes"])
    network.load_state_dict(plain_names(read_safetensors(Path(folder) / "weights.safetensors"), graph))
    return network.eval()


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a file: eight bytes with the length of a JSON header, the header, and the tensors' values.

    The header gives the type, the shape and the place of each tensor.
    """
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        kind = types[entry["dtype"]]
        flat = torch.frombuffer(data, dtype=kind, count=(end - start) // kind.itemsize, offset=8 + length + start)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def plain_names(tensors: dict[str, Tensor], graph: Graph) -> dict[str, Tensor]:
    """The weights under the names of the modules below.

    In the file the narrow ends of all connections that leave a block are one tensor, in which those that go down come
    first. Here every connection has a tensor of its own.
    """
    named = {}
    for name, value in tensors.items():
        part, _, rest = name.removeprefix("backbone.").partition(".")
        if part == "fan_outs":
            parent, kind, rest = rest.split(".", 2)
            below, others = graph.targets(int(parent))
            targets = below if kind == "down" else below + others
            for target, own in zip(targets, value.chunk(len(targets))):
                named[f"backbone.connections.{parent}-{target}.{kind}.{rest}"] = own
        elif part in ("widens", "downs"):
            connection, rest = rest.split(".", 1)
            named[f"backbone.connections.{connection}.{part.removesuffix('s')}.{rest}"] = value
        else:
            named[name] = value
    return named
