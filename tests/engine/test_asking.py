"""What the controller is told of architectures that cost too much; the rest is in ``test_search.py``."""

from types import SimpleNamespace

from nas.engine import Search, SearchSettings, TrialState, read_run, run_serial
from proxies.reward import Reward, RewardSettings
from tests.engine.engine_support import SPACE, Hashed, Scripted, distinct, end, open_store, states_of

FIRST, SECOND, THIRD = distinct(3)
COMPLETE, INFEASIBLE = TrialState.COMPLETE, TrialState.INFEASIBLE
DEAR = SPACE.decode(SECOND).fingerprint
LIMITED = Reward(
    RewardSettings(max_params=100),
    lambda one: SimpleNamespace(params_trainable=101 if one.fingerprint == DEAR else 100, multiply_adds=1),
)


def limited(folder, script, **settings):
    controller = Scripted(script)
    return controller, Search(controller, open_store(folder), SearchSettings(**settings), LIMITED)


def test_what_costs_too_much_is_infeasible_and_not_trained(tmp_path):
    controller, search = limited(tmp_path, [FIRST, SECOND, SECOND, THIRD], samples=2, failed_reward=-1.0)
    run_serial(search, Hashed)
    end(search)
    trials = read_run(tmp_path).trials
    assert states_of(trials) == [COMPLETE, INFEASIBLE, INFEASIBLE, COMPLETE]
    assert trials[1].error == "it has 101 parameters; reward.max_params allows 100."
    assert (trials[1].fingerprint, trials[1].measurement) == (DEAR, None)
    assert controller.told[1] == controller.told[2] == -1.0
    again, search = limited(tmp_path, [FIRST, SECOND, SECOND, THIRD], samples=2, failed_reward=-1.0)
    assert search.stop_reason == "all 2 samples were evaluated."
    assert again.told == controller.told
    end(search)


def test_a_bound_that_nothing_meets_ends_the_search(tmp_path):
    _, search = limited(tmp_path, [SECOND] * 30, samples=2, max_duplicates=20)
    run_serial(search, Hashed)
    assert "the last 20 proposals were all known architectures or infeasible" in search.stop_reason
    end(search)
