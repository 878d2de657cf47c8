"""metrics.csv: means of the steps, validations, and nothing twice after a resume."""

import pytest

from nas.training.checkpoint import Progress
from nas.training.log import NAME, MetricsLog, read_log
from nas.training.plan import Plan
from nas.training.setup import Stepped, Validated
from search_spaces.errors import FileError


def stepped(step: int, steps: int = 2000) -> Stepped:
    return Stepped(Progress(step, Plan(steps), float(step)), {"box": 1.0 * step, "class": 2.0}, 0.1 / step, 0.5)


def test_rows_are_means_over_a_few_steps(tmp_path):
    log = MetricsLog(tmp_path, batch=4, images=8)
    for step in range(1, 6):
        log.take(stepped(step))
    log.take(Validated(Progress(5, Plan(2000), 7.0), {"ap": 0.5, "ap_small": -1.0}, 2.0, True))
    first, second, third, measured = read_log(tmp_path)
    assert first == {
        "step": 2,
        "epoch": 1.0,
        "seconds": 2.0,
        "learning_rate": 0.05,
        "images_per_second": 8.0,
        "loss": 3.5,
        "loss_box": 1.5,
        "loss_class": 2.0,
    }
    assert (second["step"], third["step"], third["loss_box"]) == (4, 5, 5.0)
    assert measured == {"step": 5, "epoch": 2.5, "seconds": 7.0, "ap": 0.5, "ap_small": -1.0}


def test_rows_after_the_step_that_is_gone_on_from_are_made_again(tmp_path):
    whole = MetricsLog(tmp_path, 4, 8)
    for step in range(1, 9):
        whole.take(stepped(step))
    whole.close()
    text = (tmp_path / NAME).read_text()
    again = MetricsLog(tmp_path, 4, 8, from_step=4)
    for step in range(5, 9):
        again.take(stepped(step))
    again.close()
    assert (tmp_path / NAME).read_text() == text


@pytest.mark.parametrize("text", ["step,loss\n1,x\n", "a,b\n1,2\n", "step\n1,2\n"])
def test_a_file_of_something_else_is_named(tmp_path, text):
    (tmp_path / NAME).write_text(text)
    with pytest.raises(FileError, match=r"metrics\.csv is no table of the numbers of a training"):
        read_log(tmp_path)
