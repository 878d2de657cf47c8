"""From a configuration to what a training is made of: its protocol, its data, its network, its setup."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nas.command_line.config import Config
from nas.command_line.detector import DEFAULT_HEAD, SCALING_KEYS, make_detector
from nas.command_line.parts import data_settings, without_name
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.registry import LIVE, annotated_settings, open_data
from nas.detectors import Network, build_detector
from nas.detectors.build import default_scaling, load_published
from nas.detectors.sizes import check_image_size
from nas.evaluation import evaluate
from nas.machine.processors import usable_processors
from nas.training.accumulate import PRECISIONS
from nas.training.memory import fitting_part
from nas.training.parts import Shares, Source
from nas.training.protocol import PROTOCOLS, Protocol, check_shares
from nas.training.ranks import Ranks
from nas.training.start import check_labels, from_weights
from nas.training.validation import Validation
from nas.words import plural
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, DataError
from search_spaces.kinds import check_settings, find
from search_spaces.settings import SettingError, as_yaml, integer, one_of

AUTO = "auto"
DEFAULT_ARCH = "spinenet-49"
LARGEST_CACHE = 20e9
"""Bytes; with ``decode=auto`` a larger cache of squares is not made."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What is learnt from, and what is measured on.

    Attributes:
        train, indices: pictures to train on.
        val, val_indices: pictures to measure on; none of them is trained on.
        measured_on: what they are, in words.
        decoded: how the pictures to train on are read, as a sentence.
    """

    train: DetectionData
    indices: tuple[int, ...]
    val: DetectionData
    val_indices: tuple[int, ...]
    measured_on: str
    decoded: str


def make_protocol(config: Config) -> Protocol:
    """The protocol of a configuration with ``protocol``.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
    """
    settings = without_name(config["protocol"])
    protocol: Protocol = check_settings("protocol", find("protocol", PROTOCOLS, settings.pop("kind")), settings)
    return protocol


def training_data(config: Config, protocol: Protocol) -> TrainingData:
    """The data set of a configuration with ``data``, ``decode`` and ``reserve``.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
        DataError: the data set is missing or broken, has too few pictures, or the two splits disagree on the classes.
    """
    one_of("decode", config["decode"], (AUTO, "cache", "live"))
    settings, cache_dir = data_settings(config)
    size = protocol.image_size
    live, decoded = _is_live(config, protocol, settings, cache_dir)
    train = open_data(settings, size, cache_dir, live=live)
    val = open_val(settings, size, cache_dir)
    if val is None:
        split = reserve(train, config["reserve"])
        what = f"{plural(len(split.reserved), 'picture')} reserved from the training split {train.source}"
        return TrainingData(train, split.train, train, split.reserved, what, decoded)
    if config["reserve"] is not None:
        raise ConfigError(f"reserve is {config['reserve']} and there is a val split, {val.source}; leave it out.")
    if val.class_names != train.class_names:
        raise DataError(
            f"the classes of {val.source} are not those of {train.source}: {_some(val.class_names)} there and "
            f"{_some(train.class_names)} here; both must have the same categories."
        )
    what = f"{plural(len(val), 'picture')} of the val split {val.source}"
    return TrainingData(train, tuple(range(len(train))), val, tuple(range(len(val))), what, decoded)


def open_val(settings: Mapping[str, Any], image_size: int, cache_dir: Any) -> DetectionData | None:
    """The val split of a data set, or None where it has none.

    Raises:
        DataError: it is broken.
    """
    has_val = settings["kind"] not in LIVE or "val" in annotated_settings(settings).splits()
    return open_data(settings, image_size, cache_dir, split="val") if has_val else None


def make_network(
    config: Config, protocol: Protocol, class_names: tuple[str, ...], architecture: Architecture | None = None
) -> tuple[Network, str]:
    """The network to train, and a sentence about where its weights and its scaling come from.

    Args:
        architecture: in place of ``arch``.

    Raises:
        ArchitectureError: no such name and no such file, or the file holds no valid architecture.
        ConfigError: a setting is out of range or disagrees with the weights; or the head cannot be trained here.
    """
    if config["weights"] is not None:
        make_detector({**config, "classes": None})  # what is given must agree with the weights
        network, sentence = from_weights(str(config["weights"]), class_names, config["seed"])
    else:
        network, sentence = _new_network(config, protocol, len(class_names) + 1, architecture)
    if network.head_name == "classifier":
        raise ConfigError("head is 'classifier', which nas.train does not train; give head=retinanet or mask_rcnn.")
    size = protocol.image_size
    try:
        check_image_size((size, size), network.backbone.multiple)
    except ConfigError as error:
        raise ConfigError(f"protocol.image_size is {size}: {str(error).partition('height ')[2]}") from None
    return network, sentence


def make_source(config: Config, protocol: Protocol, data: TrainingData, network: Network, shares: Shares) -> Source:
    """What reads the batches.

    Raises:
        ConfigError: an object has a class that the network has no output for, or ``workers`` is out of range.
        DataError: the network needs masks, and an object has none.
    """
    labels = [int(label) for index in data.indices for label in data.train.objects(index).labels]
    check_labels(labels, network, data.train.source)
    workers = config["workers"]
    if workers in (None, AUTO):
        on_gpu = next(network.parameters()).device.type == "cuda"
        workers = max(1, usable_processors() // shares.ranks.count) if on_gpu else 0
    integer("workers", workers, 0)
    return Source(
        data.train,
        data.indices,
        shares,
        protocol.augment,
        config["seed"],
        network.needs_masks,
        protocol.most_objects,
        workers,
    )


def make_validation(protocol: Protocol, data: TrainingData) -> Validation:
    """What measures."""
    return Validation(
        evaluate, data.val, data.val_indices, data.measured_on, protocol.eval_batch_size, protocol.detection
    )


def make_shares(
    config: Config, protocol: Protocol, network: Network, precision: str, device: torch.device, ranks: Ranks
) -> Shares:
    """How a step's images are shared out, of a configuration with ``batch``.

    Raises:
        ConfigError: ``batch`` is neither auto nor a positive integer, or the processes cannot share a step.
    """
    check_shares(protocol.batch, ranks.count)
    most, given = protocol.batch // ranks.count, config["batch"]
    if given in (None, AUTO):
        part = fitting_part(network, protocol.image_size, most, precision, device)
        return Shares(protocol.batch, int(ranks.agree(part)), ranks)
    integer("batch", given, 1)
    return Shares(protocol.batch, min(given, most), ranks)


def choose_precision(config: Config, device: torch.device) -> str:
    """``precision``, with auto resolved for the device.

    Raises:
        ConfigError: it is unknown.
    """
    one_of("precision", config["precision"], (AUTO, *PRECISIONS))
    if config["precision"] != AUTO:
        return str(config["precision"])
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def choose_compile(config: Config, device: torch.device) -> bool:
    """``compile``, with auto resolved for the device.

    Raises:
        ConfigError: it is neither true, false nor auto.
    """
    if config["compile"] in (None, AUTO):
        return device.type == "cuda"
    if not isinstance(config["compile"], bool):
        raise SettingError("compile", f"is {as_yaml(config['compile'])}; it must be true, false or auto.")
    return config["compile"]


def _new_network(
    config: Config, protocol: Protocol, outputs: int, architecture: Architecture | None
) -> tuple[Network, str]:
    head = config["head"] or DEFAULT_HEAD
    name = config["arch"] or DEFAULT_ARCH
    if architecture is None:
        architecture, scaling = load_published(str(name), head)
    else:
        scaling = default_scaling(architecture)
    given = {key: config[key] for key in SCALING_KEYS if config[key] is not None}
    changes: dict[str, Any] = {**protocol.scaling, **given}
    torch.manual_seed(config["seed"])
    network = build_detector(architecture, dataclasses.replace(scaling, **changes), head, outputs)
    said = ", ".join(f"{key} {as_yaml(value)}" for key, value in changes.items())
    return network, f"weights are new, drawn from seed {config['seed']}" + (f"; scaling: {said}." if said else ".")


def _is_live(config: Config, protocol: Protocol, settings: Mapping[str, Any], cache_dir: Any) -> tuple[bool, str]:
    """Whether pictures are decoded each time they are read, and the sentence that says why."""
    can, wanted, size = settings["kind"] in LIVE, config["decode"], protocol.image_size
    if wanted == "live" and not can:
        raise ConfigError(f"decode is live and data {settings['kind']} has no picture files; leave it out.")
    if not can or wanted == "cache":
        return False, f"pictures are squares of {size} px in the cache."
    if wanted == "live":
        return True, "pictures are decoded from their files each time."
    if protocol.augment.jitters:
        return True, "pictures are decoded from their files each time, to be resized once, to the scale that is drawn."
    needed = 3 * size**2 * len(open_data(settings, size, cache_dir, live=True))
    if needed > LARGEST_CACHE:
        return True, f"pictures are decoded from their files each time; a cache would take {needed / 1e9:.0f} GB."
    return False, f"pictures are squares of {size} px in the cache."


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
