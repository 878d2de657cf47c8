"""``python -m nas.convert``: a published checkpoint as weights that ``nas.load_detector`` reads."""

from __future__ import annotations

import sys
from pathlib import Path

from nas.command_line import Config, run_command
from nas.command_line.pasting import command_line
from nas.words import one_line
from search_spaces.errors import ConfigError

NEEDED = ("source", "checkpoint", "arch", "out")
COMMAND_KEYS = (*NEEDED, "head", "classes")
SHOWN = ("width", "alpha", "repeats", "endpoints", "head_channels", "head_depth", "separable")


def run(config: Config) -> None:
    """Convert, write, and say what was read and what was taken on trust."""
    from nas.checkpoints import SOURCES, convert
    from nas.detectors import PUBLISHED, save_detector

    for key in NEEDED:
        if config[key] is None:
            example = "source=model_garden checkpoint=PATH arch=spinenet-49 out=weights.safetensors"
            raise ConfigError(f"{key} is missing; give {example}, with source one of {', '.join(SOURCES)}.")
    out = Path(str(config["out"]))
    if out.suffix != ".safetensors":
        raise ConfigError(f"out is {str(out)!r}; the file's name must end in .safetensors.")
    settings = {key: value for key, value in config.items() if key not in COMMAND_KEYS and value is not None}
    detector = convert(
        config["source"], str(config["checkpoint"]), config["arch"], config["head"], config["classes"], settings
    )
    save_detector(detector, out, source=one_line(f"{config['source']}: {config['checkpoint']}"))
    scaling = detector.scaling
    parameters = sum(parameter.numel() for parameter in detector.parameters())
    print(
        f"{config['arch']} ({detector.architecture.fingerprint}) with {detector.head_name}, {detector.classes} classes"
    )
    print(f"read off the shapes: {', '.join(f'{key} {getattr(scaling, key)}' for key in SHOWN)}")
    if str(config["arch"]) in PUBLISHED:
        name, published = PUBLISHED[config["arch"]].for_head(detector.head_name)
        other = [key for key in SHOWN if getattr(published, key) != getattr(scaling, key)]
        if other:
            print(f"other than {config['arch']}'s: {', '.join(other)}; of that name its graph ({name}) was taken, and:")
    print(
        f"not in a checkpoint: activation {scaling.activation}, anchor_size {scaling.anchor_size}, "
        f"bn_epsilon {scaling.bn_epsilon}; give them if they were others"
    )
    print(f"convention {scaling.convention}, {parameters:,} parameters")
    print(
        f"written: {out}   (nas.load_detector({str(out)!r}), or {command_line('nas.compile', 'out=DIR', weights=out)})"
    )


if __name__ == "__main__":
    sys.exit(run_command("convert", __doc__, run))
