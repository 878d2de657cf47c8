"""Parity cases: detectors built and run by other people's code, to hold a converter's outputs against.

    python results/parity/make_cases.py OUT [--only NAME ...] [--tpu CHECKOUT] [--tiny]

Needs ``tf-models-official`` 2.20.0, which this project does not depend on. Every case is a folder with the checkpoint,
one input batch, every raw output (``io.npz``) and all that is needed to build it again (``meta.json``). Deterministic:
weights and inputs are drawn from the case's seed. With ``--tiny`` the cases of ``tests/checkpoints/fixtures`` are made,
and each also as one file ``OUT/<name>.npz``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from model_garden import write_case
from parity_case import Case
from tiny import TINY, TPU_TINY, pack
from tpu_release import use_checkout, write_tpu_case
from wirings import R0_SP53, RANDOM, RANDOM_LATE, SPINENET_MOBILE

LAYOUTS = ("model", "items", "trainer")
MASK = {"task": "maskrcnn", "anchor_scales": 1}
MOBILE = {"backbone": "spinenet_mobile", "wiring": SPINENET_MOBILE, "activation": "swish", "separable": True}
R50 = {"backbone": "resnet", "width": 1.0, "decoder_width": 256, "anchor_size": 4.0, "score_gain": 0.5}
R50_TINY = {"backbone": "resnet", "width": 0.25, "decoder_width": 32, "anchor_size": 4.0, "score_gain": 0.5}

CASES = (
    Case("b_swish_rectangular", size=(256, 384), activation="swish", num_classes=91, seed=1),
    Case(
        "c_width015_repeats2", score_gain=1.0, size=(128, 256), width=0.15, repeats=2, alpha=1.0, num_classes=11, seed=2
    ),
    Case("d_r0_sp53", score_gain=1.0, wiring=R0_SP53, seed=3),
    Case("d_random", score_gain=1.0, wiring=RANDOM, size=(256, 128), seed=4),
    Case("d_random_late", score_gain=1.0, wiring=RANDOM_LATE, repeats=2, seed=5),
    Case("e_layouts", layouts=LAYOUTS, head_convs=2, head_width=32, endpoints_width=48, seed=6),
    Case(
        "f_mobile_49", score_gain=8.0, width=1.0, endpoints_width=48, head_width=48, layouts=LAYOUTS, seed=7, **MOBILE
    ),
    Case("f_mobile_49xs", width=0.6, endpoints_width=24, head_width=24, size=(256, 256), seed=8, **MOBILE),
    Case("g_maskrcnn", size=(256, 384), layouts=LAYOUTS, seed=9, **MASK),
    Case(
        "g_maskrcnn_square",
        score_gain=8.0,
        size=(256, 256),
        box_convs=2,
        mask_convs=1,
        box_fc=32,
        activation="swish",
        seed=10,
        **MASK,
    ),
    Case("g_maskrcnn_mobile", size=(256, 256), endpoints_width=48, seed=18, **MASK, **MOBILE),
    Case("h_r50_tiny_retinanet", layouts=LAYOUTS, seed=11, **R50_TINY),
    Case("h_r50_tiny_maskrcnn", min_level=2, max_level=6, layouts=LAYOUTS, seed=12, **MASK, **R50_TINY),
    Case("h_r50_retinanet", head_width=256, num_classes=91, seed=13, **R50),
    Case(
        "h_r50_maskrcnn",
        min_level=2,
        max_level=6,
        rpn_width=256,
        box_width=256,
        box_fc=1024,
        mask_width=256,
        num_classes=91,
        seed=14,
        **MASK,
        **R50,
    ),
    Case("i_classification", task="classification", layouts=("model", "items"), num_classes=10, seed=15),
    Case(
        "i_classification_mobile",
        task="classification",
        num_classes=10,
        seed=16,
        width=0.65,
        endpoints_width=40,
        **MOBILE,
    ),
    Case("i_classification_r50", task="classification", backbone="resnet", num_classes=10, seed=17),
)

TPU = {"aspect_ratios": (1.0, 2.0, 0.5)}
TPU_RETINANET = {**TPU, "bn_epsilon": 1e-4, "bn_momentum": 0.997}
TPU_CASES = (
    Case("tpu_retinanet", size=(128, 256), layouts=("trainer",), seed=31, **TPU_RETINANET),
    Case("tpu_r0_sp53", wiring=R0_SP53, repeats=2, size=(256, 128), activation="swish", seed=32, **TPU_RETINANET),
    Case("tpu_random", wiring=RANDOM, size=(128, 128), seed=33, **TPU_RETINANET),
    Case(
        "tpu_mobile", width=1.0, endpoints_width=48, head_width=48, size=(256, 256), seed=34, **MOBILE, **TPU_RETINANET
    ),
    Case("tpu_maskrcnn", size=(256, 384), layouts=("trainer",), seed=35, **MASK, **TPU),
    Case(
        "tpu_r14_retinanet",
        resnet_depth=14,
        seed=36,
        **{**R50, "decoder_width": 32, "score_gain": 4.0},
        **TPU_RETINANET,
    ),
    Case("tpu_r50_retinanet", head_width=256, num_classes=11, seed=37, **R50, **TPU_RETINANET),
)


def main() -> None:
    """Write the chosen cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", help="names of cases; all without it")
    parser.add_argument(
        "--tpu", type=Path, help="checkout of github.com/tensorflow/tpu; without it its cases are left out"
    )
    parser.add_argument("--tiny", action="store_true", help="the tests' cases instead, each also packed into one file")
    arguments = parser.parse_args()
    _write(TINY if arguments.tiny else CASES, write_case, arguments)
    if arguments.tpu:
        use_checkout(arguments.tpu)
        _write(TPU_TINY if arguments.tiny else TPU_CASES, write_tpu_case, arguments)


def _write(cases: tuple[Case, ...], write: Callable[[Case, Path], None], arguments: argparse.Namespace) -> None:
    for case in cases:
        if not arguments.only or case.name in arguments.only:
            write(case, arguments.out)
            if arguments.tiny:
                pack(arguments.out / case.name, arguments.out / f"{case.name}.npz")
            print(case.name, flush=True)


if __name__ == "__main__":
    main()
