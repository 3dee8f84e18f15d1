"""Front ends on a canvas and native inputs, and the chapter widgets composed from them."""

from cnnkit.widgets.activation_explorer import ActivationExplorer
from cnnkit.widgets.architecture_browser import ArchitectureBrowser
from cnnkit.widgets.chart import Chart
from cnnkit.widgets.controls import Controls
from cnnkit.widgets.depth_lab import DepthLab
from cnnkit.widgets.draw_digit import DrawDigit
from cnnkit.widgets.draw_pad import DrawPad
from cnnkit.widgets.geometry_explorer import GeometryExplorer
from cnnkit.widgets.gradient_flow import GradientFlow
from cnnkit.widgets.kernel_lab import KernelLab
from cnnkit.widgets.ladder_bench import LadderBench
from cnnkit.widgets.network_view import NetworkView
from cnnkit.widgets.pooling_bench import PoolingBench
from cnnkit.widgets.relu_rescue import ReluRescue
from cnnkit.widgets.stack_builder import StackBuilder
from cnnkit.widgets.stepper import Stepper
from cnnkit.widgets.tensor_view import TensorView
from cnnkit.widgets.training_playground import TrainingPlayground

__all__ = [
    "ActivationExplorer",
    "ArchitectureBrowser",
    "Chart",
    "Controls",
    "DepthLab",
    "DrawDigit",
    "DrawPad",
    "GeometryExplorer",
    "GradientFlow",
    "KernelLab",
    "LadderBench",
    "NetworkView",
    "PoolingBench",
    "ReluRescue",
    "StackBuilder",
    "Stepper",
    "TensorView",
    "TrainingPlayground",
]
