"""What a training says: a line now and then, one for each validation, an end."""

from pathlib import Path

from nas.command_line.train_messages import Lines, conclusion
from nas.training.checkpoint import Progress
from nas.training.plan import Plan
from nas.training.setup import Stepped, Validated


def stepped(step: int, seconds: float, best: float | None = None) -> Stepped:
    return Stepped(Progress(step, Plan(100), seconds, best=best), {"class": 0.5, "box": 1.0}, 0.002, 2.0)


def test_lines_come_now_and_then_and_tell_rate_and_time_left(capsys):
    lines = Lines(batch=4, images=8, hours=None)
    lines.take(stepped(1, 10.0))
    lines.take(stepped(2, 12.0))
    lines.take(Validated(Progress(2, Plan(100), 13.0, best=0.3), {"ap": 0.25, "ap50": 0.5, "ar1": 0.1}, 1.0, False))
    lines._next = 0.0
    lines.take(stepped(11, 30.0, best=0.3))
    assert capsys.readouterr().out.splitlines() == [
        "epoch 0.5, step 1 of 100: loss 1.500 (class 0.500, box 1.000), learning rate 0.002, 2.0 images a second, "
        "3 min left",
        "validation after step 2: AP 0.250, AP50 0.500 (best 0.300); it took 1.0 s",
        "epoch 5.5, step 11 of 100: loss 1.500 (class 0.500, box 1.000), learning rate 0.002, 2.0 images a second, "
        "AP so far 0.300, 3 min left",
    ]


def test_no_more_time_is_left_than_the_limit_allows(capsys):
    Lines(4, 8, hours=0.01).take(stepped(1, 6.0))
    assert "30 s left" in capsys.readouterr().out


def test_the_end_names_the_best_and_what_was_left_out():
    progress = Progress(9, Plan(9), 3700.0, best=0.5, best_step=6, over="all 9 steps are made")
    text = conclusion(Path("run"), progress, broken=2)
    assert text.startswith(
        "the training is over: all 9 steps are made; it took 62 min\nbest AP 0.500 after step 6: run/best"
    )
    assert "2 pictures could not be read and were left out" in text
    assert "could not" not in conclusion(Path("run"), progress, broken=0)
