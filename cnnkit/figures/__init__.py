"""The course's pictures: every ``draw_*`` paints one picture from arrays."""

from cnnkit.figures.activations import (
    draw_activation_explorer,
    draw_depth_lab,
    draw_dying_relu,
    draw_functions,
    draw_losses,
    draw_named_map,
    draw_temperatures,
    draw_variances,
)
from cnnkit.figures.geometry import (
    draw_axes,
    draw_axis,
    draw_border_profiles,
    draw_counts,
    draw_geometry,
    draw_padded,
    draw_stamps,
    draw_tap_tree,
    draw_tap_trees,
)
from cnnkit.figures.linear import (
    draw_cost_bars,
    draw_curves,
    draw_im2col,
    draw_mixing,
    draw_outer_product,
    draw_toeplitz,
)
from cnnkit.figures.matrices import draw_image, draw_matrix, format_number
from cnnkit.figures.networks import draw_scores, draw_workflow
from cnnkit.figures.pooling import (
    draw_matrices,
    draw_max_against_average,
    draw_pooling_bench,
    draw_shift_curves,
    draw_signals,
)
from cnnkit.figures.show import show
from cnnkit.figures.style import CMAPS, PALETTE, color_limits, png, use_style
from cnnkit.figures.windows import (
    draw_channel_sums,
    draw_flip,
    draw_gallery,
    draw_kernels,
    draw_stride,
    draw_window_sum,
)
from cnnkit.figures.widgets import draw_kernel_lab, draw_stepper, draw_view

__all__ = [
    "CMAPS",
    "PALETTE",
    "color_limits",
    "draw_activation_explorer",
    "draw_axes",
    "draw_axis",
    "draw_border_profiles",
    "draw_channel_sums",
    "draw_cost_bars",
    "draw_counts",
    "draw_curves",
    "draw_depth_lab",
    "draw_dying_relu",
    "draw_flip",
    "draw_functions",
    "draw_gallery",
    "draw_geometry",
    "draw_im2col",
    "draw_image",
    "draw_kernel_lab",
    "draw_kernels",
    "draw_losses",
    "draw_matrices",
    "draw_matrix",
    "draw_max_against_average",
    "draw_mixing",
    "draw_named_map",
    "draw_outer_product",
    "draw_padded",
    "draw_pooling_bench",
    "draw_scores",
    "draw_shift_curves",
    "draw_signals",
    "draw_stamps",
    "draw_stepper",
    "draw_stride",
    "draw_tap_tree",
    "draw_tap_trees",
    "draw_temperatures",
    "draw_toeplitz",
    "draw_variances",
    "draw_view",
    "draw_window_sum",
    "draw_workflow",
    "format_number",
    "png",
    "show",
    "use_style",
]
