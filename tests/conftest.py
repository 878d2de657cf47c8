"""One torch thread: the tests' networks are too small to gain from more, and other processes get the other cores."""

import torch

torch.set_num_threads(1)
