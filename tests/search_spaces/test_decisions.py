"""A choice point tells which choices are allowed."""

from search_spaces import Decision


def test_a_choice_without_completions_is_masked():
    decision = Decision("block2.parent0", "parent", (0, 1, 2), (5, 0, 1))
    assert decision.mask == (True, False, True)


def test_a_decision_can_be_hashed():
    assert len({Decision("a", "kind", (1, 2), (1, 1)), Decision("a", "kind", (1, 2), (1, 1))}) == 1
