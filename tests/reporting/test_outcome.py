"""The sections of the report about the end of a search."""

import re

from nas.reporting.answer import answer
from nas.reporting.outcome import fronts, outcome
from tests.reporting.fake_runs import mixed_run
from tests.reporting.made_answers import FINALS, TIMED, answered, unfinished


def text_of(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows if "<td" in row]


def test_the_table():
    html = outcome(answer(answered()))
    assert text_of(html) == [
        ["trial 2, the winner", "0.280", "0.420 (0.370 to 0.470, 3 seeds)", "", "60 B", "150"],
        ["spinenet-49", "0.250", "0.320 (0.277 to 0.363, 3 seeds)", "+0.100 (+0.075 to +0.125)", "85 B", "350"],
        ["r50-fpn", "0.220", "0.417 (0.402 to 0.431, 3 seeds)", "+0.003 (-0.035 to +0.041)", "97 B", "300"],
        ["trial 1", "0.300", "0.350 (1 seed)", "", "90 B", "400"],
    ]
    assert "The winner beats spinenet-49 by more than the interval" in html
    assert "Whether the winner beats r50-fpn is not shown" in html


def test_by_a_reward_ap_stands_beside_it():
    html = outcome(answer(answered(by_reward=True)))
    assert re.findall(r"<th[^>]*>(.*?)</th>", html)[1:5] == [
        *("reward as a trial", "reward, 2 times the training", "winner&#x27;s lead", "AP, 2 times the training"),
    ]
    rows = text_of(html)
    assert rows[2][1:5] == [
        *("0.110", "0.208 (0.201 to 0.216, 3 seeds)"),
        *("+0.212 (+0.168 to +0.255)", "0.417 (0.402 to 0.431, 3 seeds)"),
    ]
    assert "a finalist&#x27;s reward has chosen the winner" in html


def test_references_stand_alone_until_there_is_a_winner():
    html = outcome(answer(unfinished(answered(), 2)))
    assert [row[0] for row in text_of(html)] == ["spinenet-49", "r50-fpn"]
    assert "winner beats" not in html


def test_a_failed_check_is_told():
    html = outcome(answer(answered(finals={**FINALS, "r50-fpn": (0.4, None, 0.4)})))
    assert "A check of r50-fpn has no result: the loss is not finite at step 3." in html


def test_without_checks_there_is_no_section():
    assert outcome(answer(mixed_run())) == ""


def test_both_fronts_and_the_recommendation():
    html = fronts(answered())
    assert html.count("<figure") == 2
    assert "Those that were timed, on one processor." in html
    assert "Recommended: trial 3, the knee of the front of AP against multiply-adds at the budget of a trial." in html
    untimed = {key: (billions, None) for key, (billions, _) in TIMED.items()}
    assert fronts(answered(costs=untimed)).count("<figure") == 1


def test_what_nothing_meets_is_a_warning():
    assert "Nothing is recommended: no architecture has 5 ms at most" in fronts(answered({"max_milliseconds": 5.0}))


def test_a_record_without_costs_has_the_proxy_s():
    html = fronts(mixed_run())
    assert "A trial on the front has no other" in html
    assert "Recommended" not in html
