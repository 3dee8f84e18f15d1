"""The roofline: what this machine can do at most, and where a kernel stands under it.

- `machine`: measures the two ceilings with the loops in `loops`
- `work`: arithmetic and compulsory bytes of a layer
- `placement`: a measured time under the roof, as numbers and as a drawing
- `samples`, `report`: what `python -m cnnkit roofline` measures and prints
"""

from cnnkit.roofline.machine import Machine, measure_machine, using_threads
from cnnkit.roofline.placement import Placement, place
from cnnkit.roofline.work import (
    Work,
    conv2d_backward_work,
    conv2d_work,
    dense_work,
    network_work,
    pool2d_work,
)

__all__ = [
    "Machine",
    "Placement",
    "Work",
    "conv2d_backward_work",
    "conv2d_work",
    "dense_work",
    "measure_machine",
    "network_work",
    "place",
    "pool2d_work",
    "using_threads",
]
