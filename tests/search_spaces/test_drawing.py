"""The picture, the table and the DOT text of an architecture."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.drawing import LIGHT, draw, to_dot, to_text
from search_spaces.errors import ArchitectureError

SPINENET_49 = search_spaces.load("spinenet-49")
WITH_A_DEAD_BLOCK = Architecture(
    stem=(BlockSpec(2), BlockSpec(2, parents=(0,))),
    blocks=(
        BlockSpec(6, "residual", (0, 1)),
        BlockSpec(3, "bottleneck", (0, 1), is_output=True),
        BlockSpec(4, "residual", (1, 3), is_output=True),
    ),
    max_level=4,
)
TEXT = """\
node  level  type        parents  role                              merged into
0     L2     bottleneck  image    stem                              -
1     L2     bottleneck  0        stem                              -
2     L6     residual    0, 1     intermediate (reaches no output)  -
3     L3     bottleneck  0, 1     output                            -
4     L4     residual    1, 3     output                            -
"""


def svg(architecture, tmp_path, **options):
    draw(architecture, tmp_path / "dag.svg", **options)
    return (tmp_path / "dag.svg").read_text()


def test_png_has_a_wide_readable_size_and_red_outlines(tmp_path):
    draw(SPINENET_49, tmp_path / "dag.png", "SpineNet-49")
    image = Image.open(tmp_path / "dag.png").convert("RGB")
    assert image.width > 1800
    assert image.width > 2 * image.height > 1000
    red = tuple(int(LIGHT.output[at : at + 2], 16) for at in (1, 3, 5))
    assert (np.array(image) == red).all(axis=-1).sum() > 1000


def test_every_output_has_one_red_outline(tmp_path):
    def red(architecture):
        return svg(architecture, tmp_path).count(f"stroke: {LIGHT.output}")

    assert len(SPINENET_49.outputs) - len(WITH_A_DEAD_BLOCK.outputs) == 3
    assert red(SPINENET_49) - red(WITH_A_DEAD_BLOCK) == 3, "what both have in common is the legend's"


def test_merge_edges_are_dashed_and_dead_blocks_faded(tmp_path):
    assert "stroke-dasharray" in svg(SPINENET_49, tmp_path)
    assert "opacity: 0.35" not in svg(SPINENET_49, tmp_path)
    text = svg(WITH_A_DEAD_BLOCK, tmp_path)
    assert "opacity: 0.35" in text
    assert text.count("opacity: 0.3;") + text.count('opacity: 0.3"') >= 2, "the dead block's two connections are faded"


@pytest.mark.parametrize("title", ["costs $5 and $6", "<b>&</b>", "\\frac{", ""])
def test_a_title_is_taken_literally(title, tmp_path):
    text = svg(WITH_A_DEAD_BLOCK, tmp_path, title=title)
    assert "<b>" not in text


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(ArchitectureError, match=r"dag\.jpg: the file name must end in one of \.png, \.svg"):
        draw(SPINENET_49, tmp_path / "dag.jpg")
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_loaded_on_drawing_only_and_pyplot_never(tmp_path):
    code = (
        "import sys, search_spaces, search_spaces.drawing as d\n"
        "assert 'matplotlib' not in sys.modules\n"
        "d.draw(search_spaces.load('spinenet-49'), sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "dag.png")], check=True, timeout=60)


def test_text_is_an_aligned_table():
    assert to_text(WITH_A_DEAD_BLOCK) == TEXT
    row = next(line.split() for line in to_text(SPINENET_49).splitlines() if line.startswith("11 "))
    assert row == ["11", "L5", "bottleneck", "8,", "10", "intermediate", "14"]


def test_dot_has_every_block_and_every_edge():
    text = to_dot(SPINENET_49)
    assert len(re.findall(r"^  \d+ \[label", text, re.M)) == 17
    assert len(re.findall(r"^  \d+ -> \d+", text, re.M)) == sum(len(node.parents) for node in SPINENET_49.nodes) + 1
    assert "11 -> 14 [style=dashed];" in text
    assert text.count("shape=diamond") == sum(node.block_type == "residual" for node in SPINENET_49.nodes)
    assert text.startswith("digraph architecture {\n")
    assert text.endswith("}\n")
