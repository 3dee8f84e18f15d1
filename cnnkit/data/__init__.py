"""Photographs, digits and the learner's own images: offline, checked, and never unpickled.

- `shipped`: what lies in ``data/``, verified against its SHA-256 on every read
- `idx`: the IDX files of MNIST and Fashion-MNIST, if the learner has them
- `upload`: any picture that a learner brings along
"""

from cnnkit.data.idx import mnist, read_idx
from cnnkit.data.shipped import Split, digits, photo, photo_names, train_test_split
from cnnkit.data.upload import read_image

__all__ = [
    "Split",
    "digits",
    "mnist",
    "photo",
    "photo_names",
    "read_idx",
    "read_image",
    "train_test_split",
]
