"""An evaluation in words and numbers, for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Mapping

from nas.evaluation.curves import Curves
from nas.evaluation.evaluation import Evaluation
from nas.evaluation.per_class import GroupNumbers
from nas.words import number, one_line, plural

MEANINGS: Mapping[str, str] = {
    "ap": "mean over IoU 0.50 to 0.95",
    "ap50": "IoU 0.50",
    "ap75": "IoU 0.75",
    "ap_small": "objects below 32 x 32 pixels",
    "ap_medium": "up to 96 x 96",
    "ap_large": "larger",
    "ar1": "recall, 1 detection an image",
    "ar10": "10 detections",
    "ar100": "100 detections",
    "ar_small": "100, objects below 32 x 32 pixels",
    "ar_medium": "100, up to 96 x 96",
    "ar_large": "100, larger",
}
"""Each of COCO's numbers -> what it is."""
GROUP_COLUMNS = ("objects", "images", "AP", "AP50", "AP75", "AR100")
MOST_CONFUSED = 5


def measured(value: float) -> str:
    """A number of COCO's, a dash where nothing could be measured."""
    return number(None if value < 0 else value)


def group_cells(group: GroupNumbers) -> tuple[str, ...]:
    """The name of a class or size, and what ``GROUP_COLUMNS`` names."""
    values = (group.ap, group.ap50, group.ap75, group.ar)
    return (one_line(group.name), f"{group.objects:,}", f"{group.images:,}", *map(measured, values))


def threshold_sentence(curves: Curves) -> str:
    """The suggested threshold, for which overlap, and what it gives."""
    if not curves.objects.any():
        return "There is no object to find, so no threshold is better than another."
    if curves.mean_f1[curves.best] == 0:
        return f"No object was found at IoU {curves.overlap:g}, so no threshold is better than another."
    precision, recall = curves.at(curves.suggested)
    return (
        f"Suggested threshold {curves.suggested:g}: with it the mean F1 of the classes is best, "
        f"{curves.mean_f1[curves.best]:.3f} at IoU {curves.overlap:g}; of all detections above it "
        f"{precision:.1%} are right, and they find {recall:.1%} of the objects."
    )


def confused(evaluation: Evaluation) -> str:
    """The classes that were most often taken for others; empty where none was."""
    names = evaluation.class_names
    pairs = [
        f"{one_line(names[label - 1])} as {one_line(names[other - 1])} ({count:,})"
        for label, other, count in evaluation.confusion.mistakes()
    ]
    more = f" and {plural(len(pairs) - MOST_CONFUSED, 'pair')} more" if len(pairs) > MOST_CONFUSED else ""
    above = f"Found as another class, with a score above {evaluation.confusion.threshold:g}"
    return f"{above}: {', '.join(pairs[:MOST_CONFUSED])}{more}." if pairs else ""
