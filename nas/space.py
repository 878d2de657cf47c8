"""``python -m nas.space space=spinenet``: how large a search space is, and architectures drawn from it."""

from __future__ import annotations

import json
import sys

import numpy as np

from nas.command_line import Config, run_command
from nas.command_line.checks import check_format
from nas.command_line.parts import make_space
from search_spaces.drawing import to_text
from search_spaces.settings import at_least


def describe(config: Config) -> None:
    """Print the exact size, beside it the paper's where a paper gives one, and ``samples`` uniform draws."""
    check_format(config)
    for key in ("samples", "seed"):
        at_least(key, config[key], 0)
    space = make_space(config)
    rng = np.random.default_rng(config["seed"])
    drawn = [space.sample(rng) for _ in range(config["samples"])]
    factors, size, paper_size = space.size_factors(), space.size(), space.paper_size()
    if config["format"] == "json":
        print(
            json.dumps(
                {
                    "space": space.name,
                    "size": size,
                    "size_factors": factors,
                    "paper_size": paper_size,
                    "samples": [architecture.to_dict() for architecture in drawn],
                }
            )
        )
        return
    print(f"space {space.name}: {len(space.slots)} decisions")
    for name, factor in factors.items():
        print(f"  {name:<12} {factor:>30,}")
    print(f"  {'size':<12} {size:>60,}   distinct decision sequences ({size:.4g})")
    if paper_size is not None:
        print(f"  {'paper':<12} {paper_size:>60,}   by the paper's formula ({paper_size:.4g})")
    for architecture in drawn:
        print(f"\n{architecture.fingerprint}\n{to_text(architecture)}")


if __name__ == "__main__":
    sys.exit(run_command("space", __doc__, describe))
