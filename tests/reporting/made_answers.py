"""Runs made up with checks and costs, for the tests of what the end of a search says."""

from dataclasses import replace

import search_spaces
from nas.engine.check import CheckRecord, Purpose, Reference, check_seed
from nas.engine.costs import Costed
from nas.engine.finalists import choose_winner, final_checks, finalist_checks, finalists, reference_checks
from nas.engine.record import Run
from nas.engine.settings import FinalistSettings, SearchSettings
from tests.reporting.fake_runs import CONFIG, START, complete, measurement, run_of

REFERENCES = tuple(Reference(name, search_spaces.load(name)) for name in ("spinenet-49", "r50-fpn"))
FINALISTS = {"count": 2, "longer": 2.0, "seeds": 1, "winner_seeds": 3}
RECOMMEND = {"max_milliseconds": None, "max_multiply_adds": None, "image_size": 640, "measure": True}
TRIALS = tuple(complete(number, reward) for number, reward in enumerate((0.10, 0.30, 0.28, 0.20)))
FINALS = {"winner": (0.40, 0.42, 0.44), "spinenet-49": (0.30, 0.33, 0.33), "r50-fpn": (0.41, 0.42, 0.42)}
"""AP of the final checks by seed: the winner is well above the one, and level with the other."""
TIMED = {0: (20, 100.0), 1: (90, 400.0), 2: (60, 150.0), "spinenet-49": (85, 350.0), "r50-fpn": (97, 300.0)}
COSTS = {**TIMED, 3: (30, None)}
"""Billions of multiply-adds, and milliseconds."""


FACTORS = {"spinenet-49": 0.9, "r50-fpn": 0.5}
"""What a cost in the reward leaves of AP; of trials, all."""


def answered(recommend=None, finals=FINALS, costs=COSTS, by_reward=False, **finalists_changed):
    """A finished run: trial 2 wins over trial 1, which was better as a trial; by AP, or by a reward of ``FACTORS``."""
    chosen = {**FINALISTS, **finalists_changed}
    names = [one.name for one in REFERENCES]
    asked = {**RECOMMEND, **(recommend or {})}
    config = {**CONFIG, "samples": 4, "references": names, "finalists": chosen, "recommend": asked}
    config["reward"] = {"cost": "multiply_adds" if by_reward else None}
    settings = SearchSettings(samples=4, seed=7, references=REFERENCES, finalists=FinalistSettings(**chosen))
    checks = [done(check, ap) for check, ap in zip(reference_checks(settings), (0.25, 0.22))]
    for check, ap in zip(finalist_checks(settings, finalists(settings, TRIALS)), (0.35, 0.45)):
        checks.append(done(check, ap))
    winner = choose_winner(settings, TRIALS, checks)
    for check in final_checks(settings, winner):
        aps = finals["winner" if check.name.startswith("trial") else check.name]
        repeat = [check_seed(7, Purpose.FINAL, at) for at in range(len(aps))].index(check.seed)
        checks.append(done(check, aps[repeat]))
    if by_reward:
        checks = [rewarded(one) for one in checks]
    run = run_of(*TRIALS, config=config)
    return replace(run, checks=tuple(checks), costs=tuple(costed(key, *cost) for key, cost in costs.items()))


def done(check, ap):
    if ap is None:
        return CheckRecord(check, 0, None, None, "the loss is not finite at step 3.", START, START + 300.0)
    return CheckRecord(check, 0, ap, measurement(ap), None, START, START + 300.0)


def rewarded(check: CheckRecord) -> CheckRecord:
    return check if check.reward is None else replace(check, reward=check.value * FACTORS.get(check.check.name, 1.0))


def costed(key, billions, milliseconds):
    known = {one.name: one.architecture for one in REFERENCES} | {one.number: one.architecture for one in TRIALS}
    device = "one processor" if milliseconds is not None else ""
    return Costed(known[key].fingerprint, 640, 28_000_000, billions * 10**9, milliseconds, device)


def unfinished(run: Run, checks: int) -> Run:
    """The same with the first so many checks alone."""
    return replace(run, checks=run.checks[:checks])
