"""``nas.data import`` and ``nas.data split``: a data set written anew as COCO JSON."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.command_line.config import Config, load_config
from nas.command_line.parts import annotated_data
from nas.command_line.pasting import command_line
from nas.datasets.annotated_settings import AnnotatedSettings
from nas.datasets.dividing import divide, groups_of
from nas.datasets.quoting import shown_name
from nas.datasets.usable import Usable, usable
from nas.datasets.writing import check_new, write_coco
from nas.words import plural
from search_spaces.errors import ConfigError, DataError, suggestion
from search_spaces.settings import at_least, one_of, within

ACTIONS = ("check", "import", "split")


def configure(command: str, arguments: Sequence[str]) -> Config:
    """The configuration of ``nas.data``: the action may be a bare word, and with ``data.root`` alone data is folder.

    Raises:
        ConfigError: as :func:`load_config`; or the word is no action, or there are two.
    """
    words = [argument for argument in arguments if "=" not in argument and not argument.startswith("-")]
    others = [argument for argument in arguments if argument not in words]
    for word in words:
        if word not in ACTIONS:
            hint = suggestion(word, ACTIONS)
            raise ConfigError(f"{word!r} is no action of nas.{command}{hint}; there are: {', '.join(ACTIONS)}.")
    if len(words) > 1:
        raise ConfigError(f"there can be one action of nas.{command}; these are {len(words)}: {', '.join(words)}.")
    keys = {argument.partition("=")[0] for argument in others}
    folder = ["data=folder"] if "data.root" in keys and "data" not in keys else []
    config = load_config(command, [*folder, *others, *(f"action={word}" for word in words)])
    one_of("action", config["action"], ACTIONS)
    return config


def import_data(config: Config) -> None:
    """Write all splits of a data set as COCO JSON.

    Raises:
        DataError: it is not there, or has faults that are not to be dropped.
        FileError: the folder is there already, or cannot be written.
    """
    settings = annotated_data(config)
    out = _out(config, settings, "coco")
    splits = {split: usable(settings.files(split), settings.share) for split in settings.splits()}
    write_coco(out, splits, config["pictures"])
    _say(out, splits)


def split_data(config: Config) -> None:
    """Write train and val of a data set that has no val.

    Raises:
        ConfigError: a setting is out of range, or ``group`` fits no file name.
        DataError: the data set is not there, has faults that are not to be dropped, or has a val already.
        FileError: the folder is there already, or cannot be written.
    """
    within("val", config["val"], 0, 1, "()")
    at_least("seed", config["seed"], 0)
    settings = annotated_data(config)
    out = _out(config, settings, "split")
    _check_no_val(settings)
    whole = usable(settings.files("train"), settings.share)
    splits = _divided(whole, config["val"], config["seed"], config["group"])
    write_coco(out, splits, config["pictures"])
    _say(out, splits)


def _check_no_val(settings: AnnotatedSettings) -> None:
    if "val" not in settings.splits():
        return
    try:
        source = settings.files("val").source
    except DataError:  # it is train over again, or not there
        return
    raise DataError(
        f"data set {shown_name(settings.root)} has a val split already ({shown_name(source)}); nothing is divided."
    )


def _divided(whole: Usable, share: float, seed: int, pattern: str | None) -> dict[str, Usable]:
    names = [image.file_name for image in whole.images]
    shown: dict[int, list[int]] = {image.id: [] for image in whole.images}
    for row in whole.rows:
        shown[row["image_id"]].append(row["category_id"])
    groups = None if pattern is None else groups_of(names, str(pattern))
    in_val = divide(names, list(shown.values()), share, seed, groups)
    return {
        split: _part(whole, {image.id for image, val in zip(whole.images, in_val) if val is wanted}, split)
        for split, wanted in (("train", False), ("val", True))
    }


def _part(whole: Usable, ids: set[int], split: str) -> Usable:
    """The pictures of these ids with their annotations; what was dropped is listed with the training split."""
    images = tuple(image for image in whole.images if image.id in ids)
    rows = tuple(row for row in whole.rows if row["image_id"] in ids)
    return replace(whole, images=images, rows=rows, dropped=whole.dropped if split == "train" else None)


def _out(config: Config, settings: AnnotatedSettings, ending: str) -> Path:
    root = os.path.normpath(os.path.expanduser(settings.root))
    out = Path(f"{os.path.realpath(root)}-{ending}" if config["out"] is None else config["out"])
    check_new(out)
    return out


def _say(out: Path, splits: Mapping[str, Usable]) -> None:
    """Print what was written, the classes of each split, and how to read it."""
    for split, part in splits.items():
        source = shown_name(part.files.source)
        print(f"{split}: {plural(len(part.images), 'picture')}, {plural(len(part.rows), 'object')}, from {source}")
        if part.dropped is not None:
            print(f"  {part.dropped.sentence()}")
    counts = [Counter(row["category_id"] for row in part.rows) for part in splits.values()]
    names: dict[Any, str] = {row["id"]: row["name"] for part in splits.values() for row in part.categories}
    for key, name in names.items():
        print("".join(f"  {count[key]:>8,}" for count in counts) + f"  {shown_name(name)}")
    print(f"written to {out}; check it: {command_line('nas.data', 'data=folder', **{'data.root': out})}")
