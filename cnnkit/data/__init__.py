"""Photographs, digits and the learner's own images: offline, checked, and never unpickled.

- `shipped`: what lies in ``data/``, verified against its SHA-256 on every read
- `digit_scan`: how the digits were made, and how a drawing becomes one of them
- `idx`: the IDX files of MNIST and Fashion-MNIST, if the learner has them
- `upload`: any picture that a learner brings along
"""

from cnnkit.data.digit_scan import bitmap_to_digit, block_counts, digit_forms
from cnnkit.data.idx import mnist, read_idx
from cnnkit.data.shipped import Split, digits, photo, photo_names, shipped_file, train_test_split
from cnnkit.data.upload import read_image

__all__ = [
    "Split",
    "bitmap_to_digit",
    "block_counts",
    "digit_forms",
    "digits",
    "mnist",
    "photo",
    "photo_names",
    "read_idx",
    "read_image",
    "shipped_file",
    "train_test_split",
]
