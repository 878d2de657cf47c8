"""``python -m nas.train arch=NAME|FILE``: from an architecture to a detector that one can rely on.

It trains by a protocol, validates on pictures it does not learn from, and keeps the best weights. It can be ended at
any moment and gone on with (``resume=true run=DIR``), and ``run=SEARCH`` trains the winner of a search.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from nas.command_line import Config, run_command
from nas.command_line.config import load_config
from nas.command_line.train_folder import configuration_of_run, is_search, search_configuration, training_folder
from nas.words import said_when_slow
from search_spaces.errors import ConfigError

log = logging.getLogger("nas.train")


def configure(command: str, arguments: Sequence[str]) -> Config:
    """The configuration of the arguments; what they leave out is taken from the training or the search in ``run``."""
    about_the_run = [argument for argument in arguments if argument.startswith(("run=", "resume="))]
    run = load_config(command, about_the_run)
    if run["resume"]:
        return load_config(command, arguments, earlier={**configuration_of_run(run["run"]), "resume": True})
    if is_search(run["run"]):
        return load_config(command, arguments, earlier=search_configuration(run))
    return load_config(command, arguments)


def train(config: Config) -> None:
    """Train, go on with a training, or train the best of a search."""
    with said_when_slow(log, "loading PyTorch and what else the training needs"):
        from nas.command_line.training import train_one
    if is_search(config["run"]) and not config["resume"]:
        from nas.command_line.train_winners import train_winners

        return train_winners(config)
    for key in ("top", "seeds"):
        if config[key] != 1:
            raise ConfigError(f"{key} is {config[key]}; it is for run=SEARCH, the folder of a search.")
    train_one(config, training_folder(config), config["resume"])


if __name__ == "__main__":
    sys.exit(run_command("train", __doc__, train, configure))
