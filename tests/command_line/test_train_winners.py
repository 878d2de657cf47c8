"""Which architecture won, and by how much against what seeds make."""

from nas.command_line.train_winners import verdict


def test_one_seed_says_no_more_than_it_can():
    lines = list(verdict({"trial 1": {0: 0.2}, "trial 2": {0: 0.3}}))
    assert lines == [
        "trial 2: AP 0.300 (1 seed)",
        "trial 1: AP 0.200 (1 seed)",
        "trial 2 is better than trial 1 by 0.100 AP; one seed does not tell whether that is luck, seeds=3 would.",
    ]


def test_a_difference_is_told_from_the_spread():
    clear, unclear, third = {0: 0.31, 1: 0.30, 2: 0.32}, {0: 0.21, 1: 0.21, 2: 0.2}, {0: 0.33, 1: 0.28, 2: 0.29}
    lines = list(verdict({"a": unclear, "b": clear, "c": third}))
    assert [line.split(":")[0] for line in lines[:3]] == ["b", "c", "a"]
    assert lines[3].startswith("b is better than c by 0.010 AP (95 % interval -")
    assert lines[3].endswith("which seeds alone may make.")
    assert lines[4].startswith("b is better than a by 0.103 AP (95 % interval 0.0")
    assert lines[4].endswith("more than seeds make.")
