"""``run=SEARCH``: the best architectures of a search, each trained with a few seeds, and which of them won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from nas.command_line.config import Config
from nas.command_line.run_folder import existing_folder, new_folder
from nas.command_line.training import train_one
from nas.engine.record import Run, read_run
from nas.reporting.answer import answer
from nas.reporting.sentences import estimate_text
from nas.reporting.summary import rank, samples
from nas.statistics.intervals import UNKNOWN
from nas.statistics.student import mean_interval
from nas.training.checkpoint import has_state, read_progress
from nas.words import number, plural
from search_spaces.architecture import Architecture
from search_spaces.errors import RecordError
from search_spaces.settings import integer


@dataclass(frozen=True, slots=True)
class Entrant:
    """An architecture of a search: ``name`` as the search calls it, ``trial 12``."""

    name: str
    architecture: Architecture


def train_winners(config: Config) -> None:
    """Train the ``top`` best of the search in ``run``, each with ``seeds`` seeds, and say which won.

    Given again with the same ``out``, it goes on where it was.

    Raises:
        RecordError: the search has no result, or ``out`` is not such a folder.
        Others as in :func:`nas.command_line.training.train_one`.
    """
    integer("top", config["top"], 1)
    integer("seeds", config["seeds"], 1)
    search = existing_folder(config["run"])
    entrants = best_of(read_run(search), config["top"])
    if not entrants:
        raise RecordError(f"run folder {search}: nothing was evaluated in this search, so there is no winner to train.")
    names = ", ".join(one.name for one in entrants)
    print(f"of the search in {search}: {names}, {plural(config['seeds'], 'seed')} each")
    folder, scores = _folder(config, search), dict[str, dict[int, float]]()
    for number_of_seed in range(config["seeds"]):
        for one in entrants:
            seed = config["seed"] + number_of_seed
            scores.setdefault(one.name, {})[seed] = _train(config, one, seed, folder)
    for line in verdict(scores):
        print(line)


def best_of(run: Run, count: int) -> list[Entrant]:
    """The winner first, then the finalists, then the other samples by reward."""
    found = answer(run)
    ranked = [Entrant(one.name, one.architecture) for one in found.finalists]
    ranked += [Entrant(f"trial {one.trial.number}", one.architecture) for one in rank(samples(run))]
    if found.best is not None:
        ranked.insert(0, Entrant(f"trial {found.best.trial.number}", found.best.architecture))
    different: dict[str, Entrant] = {}
    for one in ranked:
        different.setdefault(one.architecture.fingerprint, one)
    return list(different.values())[:count]


def verdict(scores: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    """The AP of each, and for each pair with the best whether the difference is more than what seeds make.

    Args:
        scores: name -> seed -> best AP.
    """
    means = {name: mean_interval(list(by_seed.values())) or UNKNOWN for name, by_seed in scores.items()}
    order = sorted(scores, key=lambda name: -means[name].estimate)
    for name in order:
        yield f"{name}: AP {estimate_text(means[name])}"
    for best, other in combinations(order, 2):
        if best == order[0]:
            yield _difference(best, other, scores[best], scores[other])


def _difference(best: str, other: str, one: Mapping[int, float], two: Mapping[int, float]) -> str:
    found = mean_interval([one[seed] - two[seed] for seed in one if seed in two])
    assert found is not None, "all are trained with the same seeds"
    by = f"{best} is better than {other} by {number(found.estimate)} AP"
    if not found.has_ends:
        return f"{by}; one seed does not tell whether that is luck, seeds=3 would."
    sure = "more than seeds make" if found.low > 0 else "which seeds alone may make"
    return f"{by} (95 % interval {number(found.low)} to {number(found.high)}), {sure}."


def _folder(config: Config, search: Path) -> Path:
    out = config["out"]
    if isinstance(out, str) and (Path(out) / "search.txt").is_file():
        return Path(out)
    folder = new_folder(out, "train", search.resolve().name, config["protocol"]["name"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "search.txt").write_text(f"{search.resolve()}\n", encoding="utf-8", errors="surrogateescape")
    return folder


def _train(config: Config, one: Entrant, seed: int, folder: Path) -> float:
    """The best AP of one training, which is made, gone on with, or known."""
    place = folder / f"{one.name.replace(' ', '-')}-seed-{seed}"
    own = {**config, "run": str(place), "seed": seed, "top": 1, "seeds": 1, "out": None}
    resume = has_state(place)
    if resume and read_progress(place).over:
        return read_progress(place).best or 0.0
    print(f"\n{one.name}, seed {seed}, in {place}")
    return train_one(own, place, resume, one.architecture).best or 0.0
