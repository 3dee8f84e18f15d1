"""Front ends on a canvas and native inputs, and the chapter widgets composed from them."""

from cnnkit.widgets.controls import Controls
from cnnkit.widgets.geometry_explorer import GeometryExplorer
from cnnkit.widgets.kernel_lab import KernelLab
from cnnkit.widgets.pooling_bench import PoolingBench
from cnnkit.widgets.stepper import Stepper
from cnnkit.widgets.tensor_view import TensorView

__all__ = ["Controls", "GeometryExplorer", "KernelLab", "PoolingBench", "Stepper", "TensorView"]
