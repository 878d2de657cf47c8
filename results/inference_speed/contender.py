"""One way to run SpineNet-49 RetinaNet, in a process of its own: for each line on standard input one run, its seconds.

python contender.py KIND SIDE THREADS     KIND: plain, fast or model_garden (which needs tf-models-official)
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable


def torch_contender(kind: str, side: int, threads: int) -> Callable[[], object]:
    """The module run eagerly in float32, or its fast copy; statistics and weights random, raw outputs."""
    import torch

    from nas.detectors import build_detector, optimise
    from nas.detectors.layers import BatchNorm

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    detector = build_detector("spinenet-49").eval()
    for module in detector.modules():
        if isinstance(module, BatchNorm):
            module.running_var.uniform_(0.5, 1.5)
    if kind == "fast":
        detector = optimise(detector)
    images = torch.randn(1, 3, side, side)

    def run() -> object:
        with torch.inference_mode():
            return detector(images)

    return run


def model_garden_contender(side: int, threads: int) -> Callable[[], object]:
    """TF Model Garden's own network as a TensorFlow graph in float32: backbone and head, without post-processing."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import tf_keras
    from official.vision.configs import retinanet
    from official.vision.modeling import factory

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    config = retinanet.RetinaNet(num_classes=91, input_size=[side, side, 3], min_level=3, max_level=7)
    config.backbone.type, config.decoder.type = "spinenet", "identity"
    config.norm_activation.activation = "relu"
    config.anchor.anchor_size = 3
    model = factory.build_retinanet(tf_keras.layers.InputSpec(shape=[1, side, side, 3]), config)
    images = tf.random.normal([1, side, side, 3])
    model(images)
    graph = tf.function(lambda x: model.head(model.backbone(x, training=False), training=False))

    def run() -> object:
        return tf.nest.map_structure(lambda x: x.numpy().sum(), graph(images)[1])

    return run


def main(kind: str, side: str, threads: str) -> None:
    """Warm up, say so, then answer."""
    if kind == "model_garden":
        run = model_garden_contender(int(side), int(threads))
    else:
        run = torch_contender(kind, int(side), int(threads))
    for _ in range(3):
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
