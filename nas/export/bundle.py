"""A network as three files that need only torch: weights, architecture, and Python code that builds it again."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from torch import Tensor

from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.detectors.detector import Network, in_evaluation
from nas.detectors.weights import save_detector
from nas.disk import replacing
from nas.export.program import largest_difference
from search_spaces.architecture import dumps
from search_spaces.errors import ConfigError

PARTS = Path(__file__).parent / "standalone"
COMMON = ("graph", "files", "layers", "backbone")
HEADS = {
    "retinanet": ("towers", "boxes", "retinanet"),
    "mask_rcnn": ("towers", "boxes", "regions", "mask_rcnn"),
    "classifier": ("classifier",),
}
"""Head -> files of ``standalone`` that follow the common ones in its ``detector.py``, in order."""
BLOCK_TYPES = ("bottleneck", "residual", "mbconv", "fpn")
"""Types of blocks that ``standalone`` computes."""
RULE = "# " + "-" * 118


def write_bundle(network: Network, folder: str | Path) -> None:
    """Write ``weights.safetensors``, ``architecture.json`` and ``detector.py`` into ``folder``.

    ``architecture.json`` is an architecture file of this project. Its notes are head, classes, scaling, and the
    resolved widths and constants. ``detector.py`` has ``load(folder)``, which returns a module with the same raw
    outputs and a plain ``detect``.

    Raises:
        ConfigError: the network has a head or a block that ``detector.py`` does not know.
    """
    check_vocabulary(network)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_detector(network, folder / "weights.safetensors")
    notes = {
        "head": network.head_name,
        "classes": network.classes,
        "scaling": asdict(network.scaling),
        "resolved": network.resolved() | {"mean": IMAGENET_MEAN, "deviation": IMAGENET_STD},
    }
    description = dumps(network.architecture.to_dict() | notes)
    texts = {"architecture.json": description, "detector.py": join_parts(COMMON + HEADS[network.head_name])}
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def check_vocabulary(network: Network) -> None:
    """Check that a bundle's ``detector.py`` can compute the network's head and blocks.

    Raises:
        ConfigError: it cannot compute one of them.
    """
    others = [("head", network.head_name)] if network.head_name not in HEADS else []
    types = {node.block_type for node in network.architecture.nodes}
    others += [("block type", name) for name in sorted(types) if name not in BLOCK_TYPES]
    for what, name in others:
        raise ConfigError(
            f"a bundle has no {what} {name!r}; it has the heads {', '.join(HEADS)} and the block types "
            f"{', '.join(BLOCK_TYPES)}; the ONNX file and program.pt2 hold any network."
        )


def join_parts(names: Sequence[str]) -> str:
    """Join files of ``standalone`` into one: docstring of the first, all imports, the code of each under its title."""
    imports: list[ast.Import | ast.ImportFrom] = []
    titles, codes = [], []
    for name in names:
        source = (PARTS / f"{name}.py").read_text(encoding="utf-8")
        module = ast.parse(source)
        top = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
        imports += top
        titles.append(ast.get_docstring(module) or "")
        codes.append("\n".join(source.splitlines()[top[-1].end_lineno :]).strip())
    sections = [f"{RULE}\n# {title}\n\n\n{code}" for title, code in zip(titles[1:], codes[1:])]
    first = f'"""{titles[0]}\n"""\n\n{_join_imports(imports)}\n\n{codes[0]}'
    return "\n\n\n".join([first, *sections]) + "\n"


def _join_imports(nodes: Sequence[ast.Import | ast.ImportFrom]) -> str:
    """Import lines in the usual order: ``__future__``, the standard library, torch. This project's are left out."""
    whole = {ast.unparse(node) for node in nodes if isinstance(node, ast.Import)}
    names: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            names.setdefault(node.module or "", set()).update(alias.name for alias in node.names)
    lines = sorted(whole) + [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    groups: dict[str, list[str]] = {"__future__": [], "": [], "torch": []}
    for line in lines:
        top = line.split()[1].partition(".")[0]
        if top != "nas":
            groups[top if top in groups else ""].append(line)
    return "\n\n".join("\n".join(group) for group in groups.values())


def check_bundle(folder: str | Path, network: Network, images: Tensor) -> float:
    """Largest difference between the raw outputs of a bundle and of the network for images [B, 3, H, W]."""
    spec = spec_from_file_location("bundled_detector", Path(folder) / "detector.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with in_evaluation(network):
        return largest_difference(module.load(folder)(images.cpu()), network(images))
