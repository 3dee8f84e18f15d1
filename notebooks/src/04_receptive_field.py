# %% [markdown]
# # Chapter 04. Receptive field: what a unit can see
#
# **After this chapter you can answer**
#
# 1. A 5×5 convolution, a 2×2 pooling, a 5×5 convolution. What does one unit see? And with dilation 2 in the first layer?
# 2. Why do some sources give ResNet-50 a receptive field of 427 pixels and others 483?
# 3. Does the field grow because pooling compresses the map?
# 4. What does padding change about a receptive field?
# 5. What is the *effective* receptive field, and why is it so much smaller?
# 6. How do you map a box in the image to a feature map, and back?
#
# **Time** 50 minutes to read and play, 30 more for the drills.
#
# **Builds on** chapters 01 to 03: the sliding window, padding, stride and dilation, pooling.

# %%
import numpy as np

from cnnkit import data, effective_field, figures, receptive, shapes, stacks
from cnnkit.drills import drill
from cnnkit.layers import Conv2D, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.stacks import conv, max_pool
from cnnkit.widgets import StackBuilder

# %% [markdown]
# ## What a unit sees
#
# **Question.** A unit of the third layer decides whether there is an eye. How much of the photograph has it seen?
#
# **Intuition.** Take one number of a feature map, a *unit*, and go down. It was computed from the cells of its window. Each of
# those was computed from a window one map further down. All pixels that you can reach in this way are the unit's
# **receptive field**: change a pixel outside of it, and the unit cannot notice.
#
# **Predict.** Three convolutions with 3 taps and stride 1 follow each other. How many input cells does one unit of the last
# layer see: 3, 7, 9 or 27?

# %%
three = stacks.same_convs((1, 1, 1))
sizes = [field.size for field in receptive.fields(three)]
caption = (
    f"One unit of layer 3 (orange) and all that it depends on (blue). Going up, units see {sizes} "
    "input cells."
)
figures.show(figures.draw_tower, three, 11, 5, caption=caption, size=(8, 2.9))

# %% [markdown]
# Seven. The windows of neighbours overlap, so each layer adds only its $k - 1 = 2$ *new* cells, one on each side: 3, 5, 7. In two
# dimensions one 3×3 layer sees 3×3 pixels, two see 5×5, three see 7×7. That is as much as one 7×7 layer sees, with
# $3 \cdot 9 = 27$ weights for each pair of channels instead of 49, and with three activations on the way.
#
# One axis at a time is enough: height and width never mix in a window, so the field of a rectangular kernel is a rectangle,
# computed twice.
#
# > [!MISTAKE] Adding or multiplying the kernel sizes
# > Three 3×3 layers see neither 9 nor 27 pixels. A unit starts with one pixel, and each layer adds $k - 1$.

# %%
drill("field-of-equal-layers")

# %% [markdown]
# ## The recurrence: size and jump
#
# **Question.** And when a layer has a stride, or a dilation?
#
# **Intuition.** Above a stride of 2 there is a unit for every second pixel only. A window of three such units reaches further
# down than a window of three pixels: its taps are 2 pixels apart. So we carry two numbers upwards: the **size** $r$ of the
# field, and the **jump** $j$, how many pixels the fields of neighbouring units are apart.
#
# **Formula.** Begin with a pixel, $r = 1$ and $j = 1$. A layer with kernel $k$, stride $s$ and dilation $d$ makes
#
# $$r \;\leftarrow\; r + d\,(k - 1)\, j \qquad\text{and then}\qquad j \;\leftarrow\; j \cdot s$$
#
# In this order: a layer's own stride does not widen its own window, only those above it. A pooling is a window like any other.
# Activations, 1×1 convolutions and, at test time, batch normalisation (a scale and a shift of each channel) add nothing: they
# read one place only, so $k - 1 = 0$.
#
# **Predict.** A 5-tap convolution, a pooling of 2 with stride 2, another 5-tap convolution. Three sizes, please.

# %%
classic = (conv(5), stacks.Window(2, 2, kind=stacks.AVERAGE_POOLING), conv(5))
for field in receptive.fields(classic):
    print(f"size {field.size:>2}, jump {field.jump}")

# %%
caption = "5, then 6, then 6 + 4·2 = 14: the five taps of the last layer stand two pixels apart."
figures.show(figures.draw_tower, classic, 18, 1, caption=caption, size=(9, 2.9))

# %% [markdown]
# With dilation 2 the first layer spans $2 \cdot 4 + 1 = 9$ pixels, and every field from there on is 4 larger: 9, 10, 18.

# %%
dilated = (conv(5, dilation=2), *classic[1:])
print([field.size for field in receptive.fields(dilated)])

# %% [markdown]
# **The literal loop** is the whole interview answer:


# %%
def receptive_field(layers):
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += dilation * (kernel_size - 1) * jump
        jump *= stride
    return size


# %% [markdown]
# **Vectorised**, it is the sum of what each layer adds, and the jump below a layer is a running product:


# %%
def receptive_field_fast(layers):
    kernel_size, stride, dilation = np.array(layers).T
    jumps = np.cumprod([1, *stride[:-1]])
    return 1 + (dilation * (kernel_size - 1) * jumps).sum()


# %% [markdown]
# **Proof** that both agree, with each other and with the library, on a few thousand random stacks:

# %%
rng = np.random.default_rng(4)
same = True
for _ in range(3000):
    layers = rng.integers(1, (8, 4, 4), size=(rng.integers(1, 9), 3)).tolist()
    library = shapes.receptive_field([(k, s, 0, d) for k, s, d in layers]).size
    same &= receptive_field(layers) == receptive_field_fast(layers) == library
print("all three agree on 3000 stacks:", same)

# %% [markdown]
# One more from an interview: a 5×5 convolution, a 2×2 pool, a 3×3 convolution, a 2×2 pool (both pools with stride 2). By hand
# 5, 6, 10, 12; and the same from the top down, where the rule reads $r \leftarrow (r - 1)s + d(k - 1) + 1$: 2, 4, 8, 12. (The last
# number is right, those on the way are not the fields of the layers.)

# %%
four = (conv(5), max_pool(2, 2), conv(3), max_pool(2, 2))
print([field.size for field in receptive.fields(four)][1:])

# %% [markdown]
# > [!INTERVIEW] Where the last stride goes
# > The stride of the *last* layer does not enter the size. It does enter the jump. If somebody asks for both, say both.

# %%
drill("field-conv-pool-conv")

# %%
drill("receptive-field-code")

# %% [markdown]
# ## It grows without any compression
#
# **Question.** The course's text says: *"each subsequent layer compresses spatial details, allowing its neurons to view a
# larger portion of the original input."* Is it the compression that lets them?
#
# **Predict.** Ten 3×3 layers with stride 1 and padding 1 on a 64×64 image. How large is the last map? What does one of its
# units see?

# %%
ten = stacks.same_convs((1,) * 10)
print("map sizes:", sorted(set(receptive.map_sizes(ten, (64, 64)))))
print("fields:   ", [field.size for field in receptive.fields(ten)])

# %% [markdown]
# No map got smaller, and the field grew in each layer. It grows because *a window takes in neighbouring units, which see other
# pixels*, not because anything is compressed. What strides and pooling change is the speed: without them the field grows by
# **addition**, with them by **multiplication**. For $L$ layers with kernel $k$ and stride $s$ each:
#
# $$r = 1 + L\,(k - 1) \quad (s = 1) \qquad\qquad r = 1 + (k - 1)\,\frac{s^L - 1}{s - 1} \quad (s > 1)$$
#
# **Predict.** Fifty 3×3 convolutions: with stride 1, and with stride 2 in every layer?

# %%
slow, fast = shapes.receptive_field([(3, 1, 1, 1)] * 50), shapes.receptive_field([(3, 2, 1, 1)] * 50)
print("stride 1:", slow.size)
print("stride 2:", f"{fast.size:,}", "= 2^51 - 1:", fast.size == 2**51 - 1)

# %% [markdown]
# The second number is a joke with a point: a 224-pixel image is down to 1×1 after eight such layers, and from there on there is
# nothing left to see. Real networks mix: a few strides for speed, many stride-1 layers for depth.

# %%
drill("compression-or-not")

# %%
drill("field-of-strided-stack")

# %% [markdown]
# ## Padding, start and centre
#
# **Question.** Now we know how *large* the field is. *Where* is it?
#
# **Formula.** A third number goes upwards, the **start** $a$: the first pixel that unit 0 sees. Padding $p$ before the map puts
# unit 0 that many cells further out, and neighbouring cells of the map are $j$ pixels apart:
#
# $$a \;\leftarrow\; a - p\, j \qquad\text{(with the old } j\text{)}$$
#
# Then unit $i$ sees the pixels from $a + i j$ to $a + i j + r - 1$, and the middle of its field lies at
# $c_i = a + \tfrac{r - 1}{2} + i j$, where the middle of pixel 0 is coordinate 0.
#
# **Predict.** Two 3-tap layers, once without padding, once with one zero on each side. Which of $r$, $j$, $a$ differ?

# %%
plain, padded = (conv(3), conv(3)), stacks.same_convs((1, 1))
print("without:", shapes.receptive_field(plain))
print("with:   ", shapes.receptive_field(padded))

# %%
cases = {"no padding, unit 0": (plain, 8, 0), "padding 1, unit 0": (padded, 8, 0)}
caption = (
    "Padding moves the field of unit 0 to -2. It still spans 5 cells, but only 3 are pixels; grey cells "
    "are zeros, one in the input and one in layer 1."
)
figures.show(figures.draw_towers, cases, caption=caption, size=(10, 2.3))

# %% [markdown]
# **Padding changes the offset, never the size.** With 'same' padding and odd kernels the middle of unit $i$'s field is pixel
# $i$ itself at stride 1. With a stride it depends on the size of the image: TensorFlow's 'same' puts an odd zero at the end, so for
# 224 pixels, kernel 3 and stride 2 it pads (0, 1) where PyTorch code pads (1, 1), and every later field lies one pixel off.

# %%
print("one zero on each side:", shapes.receptive_field([(3, 2, 1, 1)]))
print("'same' at 224 pixels: ", shapes.receptive_field([(3, 2, "same", 1)], input_size=224))

# %% [markdown]
# > [!FRAMEWORKS] The same weights, shifted by a pixel
# > Weights trained with TensorFlow's 'same' and run with symmetric padding still work, a little worse: each strided layer looks
# > one cell aside. Port the padding with the weights (chapter 02 shows how).
#
# > [!MISTAKE] 'With padding it sees more'
# > Units near the border see *less* of the image: part of the field lies outside, where the maps
# > are padded with zeros. In the corner of a
# > padded stack of $L$ 3×3 layers, only $(L + 1)^2$ of the $(2L + 1)^2$ pixels are real.

# %%
drill("padding-and-the-field")

# %%
drill("field-first-and-last-pixel")

# %% [markdown]
# ## From the image to the map and back
#
# **Question.** A detector has a box in the image, 37 to 150 pixels from the top. Which cells of the feature map belong to it?
#
# The middles $c_i$ are an arithmetic sequence, so the way there is a division by the jump, and the way back a multiplication:
#
# $$c_i = c_0 + i\,j \qquad\qquad i = \frac{c - c_0}{j} \qquad\text{with}\quad c_0 = a + \tfrac{r - 1}{2}$$
#
# The offset $c_0$ depends on the padding; leaving it out (as "divide by the stride" does) shifts the box.

# %%
vgg = stacks.vgg16()
conv5_3 = shapes.receptive_field(vgg[:-1])
print(conv5_3, "- middle of unit 0 at", receptive.center(conv5_3, 0))
for pixel in (37, 150):
    print(f"pixel {pixel} is map coordinate {receptive.map_coordinate(conv5_3, pixel):.3f}")

# %% [markdown]
# Those are fractions, and a map has whole cells. Detectors call such a box a *region of interest* (RoI) and have two ways to
# cut it out: **RoI pooling** rounds the fractions; **RoI Align** keeps them and interpolates between the four nearest cells.
# How much does rounding cost? (A box is written as top, left, bottom, right.)
#
# **Predict.** Stride 16: by how many pixels can a rounded edge be wrong?

# %%
photo = data.photo("astronaut", size=224)
box = (37.0, 70.0, 150.0, 130.0)
rounded = tuple(16 * round(edge / 16) for edge in box)
caption = (
    f"On cells of 16 pixels the box {box} becomes {rounded}: every edge has moved, by up to "
    f"{max(abs(a - b) for a, b in zip(box, rounded)):.0f} pixels."
)
figures.show(
    figures.draw_regions,
    photo,
    16,
    {"the box": box, "rounded to cells": rounded},
    caption=caption,
    size=(5.8, 3.4),
)

# %% [markdown]
# Half a cell: 8 pixels at stride 16, 16 at stride 32. For a class label nobody notices; for a mask, the exact pixels of a small
# object, it is everything. A ramp shows it exactly: let the image hold its own row number, so that a map of means holds the
# middles of its fields. The average over the box should be the row of its middle, 93.5.

# %%
cells = np.arange(14)
means = receptive.center(conv5_3, 0) + conv5_3.jump * cells
print("RoI pooling, cells 2 to 8:", means[2:9].mean())
samples = [receptive.map_coordinate(conv5_3, pixel) for pixel in np.linspace(37, 150, 8)]
print("RoI Align, interpolated:  ", np.interp(samples, cells, means).mean())

# %% [markdown]
# (Rounded, the box runs from 32 to 144, which is cells 2 to 8. Some programs, torchvision's `roi_pool` among them, count the
# cell of the rounded end in, here cell 9.) Chapter 11 builds both.
#
# > [!FRAMEWORKS] Half a pixel
# > Here pixel $i$ has its middle at $i$. Box coordinates often mean edges instead: pixel $i$ runs from $i$ to $i + 1$, with its
# > middle at $i + 0.5$, and so has cell $i$ of the map. `torchvision.ops.roi_align` with `aligned=True` therefore subtracts half a
# > cell after dividing by the stride; its default does not, for the sake of old models.
#
# > [!SAY] How do you map a region to a feature map?
# > I divide its coordinates by the cumulative stride of the layers below that map, after subtracting the offset of unit 0, which
# > comes from the padding. The way back is offset plus jump times index. If I round to whole cells, as RoI pooling does, I lose up
# > to half a stride, which is eight pixels at stride 16; RoI Align keeps the fractions and interpolates.

# %%
drill("rounding-of-a-region")

# %% [markdown]
# ## Dilation and gridding
#
# **Question.** Dilation makes the field larger without stride, pooling or weights. What is the catch?
#
# **Intuition.** At stride 1 a layer with dilation $d$ adds $d(k - 1)$. Double the dilation in each layer, and the field about
# doubles too: 1, 2, 4, 8 gives $3, 7, 15, 31$ pixels with three taps, $1 + 2 \cdot 15$ after four layers. But the taps of *one*
# dilated layer leave gaps, and if all layers leave the *same* gaps, nobody ever fills them.

# %%
equal, doubling = stacks.same_convs((2, 2, 2)), stacks.same_convs((1, 2, 4))
cases = {
    "2, 2, 2: every second cell is never read": (equal, 15, 7),
    "1, 2, 4: no gap": (doubling, 15, 7),
}
caption = (
    "Both see the last layer's unit through three layers. Left 13 cells wide, 7 of them read; right "
    "15 wide, all read."
)
figures.show(figures.draw_towers, cases, caption=caption, size=(11, 3))

# %% [markdown]
# This is **gridding**: the theoretical size says 13, since the recurrence counts from the first cell to the last, gaps
# included. But in two dimensions only $7 \cdot 7 = 49$ of $13 \cdot 13 = 169$ pixels are read. Neighbouring units see
# *interleaved* grids that never exchange anything, which shows as a checkerboard in segmentation maps.
#
# **Predict.** Which of these rates leave gaps: (1, 2, 4), (1, 2, 3), (2, 4, 8), (1, 2, 9)?

# %%
for rates in ((2, 2, 2), (1, 2, 4), (1, 2, 3), (2, 4, 8), (1, 2, 9)):
    seen = receptive.computed_field(stacks.same_convs(rates), (41, 41), (20, 20))
    span = shapes.receptive_field(stacks.same_convs(rates)).size
    print(f"{rates}: {seen.any(axis=0).sum():>2} of {span} cells on an axis are read")

# %% [markdown]
# Two rules follow. Rates with a **common factor** (2, 4, 8) can only reach multiples of it. And a rate must not leap over what
# the layers below have filled: after 1 and 2, a unit sees 7 cells without a gap, so the next rate may be up to 7, and 9 is too
# much. (Wang and others call a choice of rates without gaps *hybrid dilated convolution* and recommend sawtooth rates such as
# 1, 2, 5, 1, 2, 5.)

# %%
drill("field-of-doubling-dilations")

# %%
drill("cells-read-with-gaps")

# %% [markdown]
# ## Computed, and measured twice
#
# **Question.** Why should you believe the recurrence? And what if your network has something that it does not know?
#
# Measure. There are two ways, and neither knows any index arithmetic:
#
# - **By gradient.** The gradient at a pixel says how fast the unit changes when that pixel does. Put a one at the unit, zeros
#   elsewhere, and send it backwards (chapter 05 shows how): pixels with a gradient other than 0 are in the field. All weights
#   must be positive, so that nothing cancels by accident, and pooling is averaged: a maximum sends its gradient to one winner
#   only.
# - **By perturbation.** Change a pixel and look whether the unit changes. A small change can be lost in rounding, so we use the
#   strongest poison there is: NaN. Whatever reads it becomes NaN, through every sum and every maximum.
#
# **Predict.** VGG-16 up to its last pool, the unit in the middle. How many pixels will each of the three ways (the recurrence,
# the gradient, the poison) find?

# %%
size, unit = (224, 224), (3, 3)
masks = {
    "computed": receptive.computed_field(vgg, size, unit),
    "by gradient": receptive.gradient_field(vgg, size, unit),
    "by perturbation": receptive.perturbed_field(vgg, size, unit),
}

# %%
found = {name: int(mask.sum()) for name, mask in masks.items()}
assert np.array_equal(masks["computed"], masks["by gradient"])
assert np.array_equal(masks["computed"], masks["by perturbation"])
caption = f"What unit (3, 3) of VGG-16's last map sees, found in three ways: {found}. 212 · 212 = {212**2}."
figures.show(figures.draw_ways, photo, masks, caption=caption, size=(8, 2.9))

# %% [markdown]
# All three are the same pixels. Once more for every stack that the course has a preset for, each at a unit in the middle and at
# one in the corner, where half of the field hangs over the edge:

# %%
for name, network in stacks.NETWORKS.items():
    size = (network.input_size, network.input_size)
    last = receptive.map_sizes(network.windows, size)[-1]
    for unit in {(0, 0), (last[0] // 2, last[1] // 2)}:
        ways = (receptive.computed_field, receptive.gradient_field, receptive.perturbed_field)
        first, *others = [way(network.windows, size, unit) for way in ways]
        assert all(np.array_equal(first, other) for other in others), name
print("computed = by gradient = by perturbation, for", ", ".join(stacks.NETWORKS))

# %% [markdown]
# A *real* network has random or trained weights, ReLUs and maxima. Poison does not mind. The gradient on one image does:

# %%
layers = [Conv2D(2, 3, activation="relu"), MaxPool2D(2), Conv2D(2, 3, activation="relu")]
network = Sequential(layers, input_shape=(8, 8, 1), seed=4)
image = data.photo("camera", size=8, mode="gray")[..., None]
y = network.forward(image)
gradient = network.backward(np.ones_like(y))[..., 0]

# %%
poisoned = effective_field.changed_pixels(network, image)
print("field of one unit of this stack:", shapes.receptive_field(layers).size, "pixels; map:", y.shape[:2])
print("pixels that reach the map, one NaN at a time:", poisoned.sum(), "of 64")
print("pixels with a gradient on this one photo:    ", (gradient != 0).sum())

# %% [markdown]
# > [!MISTAKE] Measuring the field on one photo with ReLU and max pooling
# > Where a ReLU is off or a maximum is lost, the gradient is 0 *on this input*. The field is what can matter on *any* input. Use
# > positive weights and averages, or poison, or add up many inputs.
#
# **Play.** Build a stack: choose a network or a layer, change it, add and remove layers. Click any unit of any map. The frame
# is the recurrence's answer; the bright pixels are what the gradient and the poison found. Try: a corner of VGG-16's last
# map; "dilated 2, 2, 2", then change its first dilation to 1; ResNet-50 on 224 pixels. What does a stride in the first
# layer do to all fields above it, and what in the last?

# %%
StackBuilder("VGG-16", layer=10, unit=(9, 14))

# %%
drill("measured-with-holes")

# %% [markdown]
# ## Branches and skips
#
# **Question.** An Inception module has four branches, a ResNet has shortcuts. What is *the* receptive field then?
#
# Each **path** has its own field, and the unit's field is their **union**. Where all paths share a centre and a jump (as 'same'
# padding makes them), the union is simply the largest. One GoogLeNet module directly on the pixels; its four branches have
# three different fields, because its 3×3 convolution and its 3×3 pooling see the same:

# %%
print([(field.size, field.start) for field in receptive.path_fields([stacks.inception()])])
whole = receptive.path_fields(stacks.googlenet())
print(
    f"GoogLeNet: {len(whole)} different fields, from {whole[0].size} to {whole[-1].size}, jump {whole[0].jump}"
)

# %% [markdown]
# So one unit at the end of GoogLeNet looks at the image at 41 scales at once, from 75 to 715 pixels: small details and
# the whole scene. That is what the module was made for.
#
# A **residual** block adds its input to its output, $y = x + f(x)$. The skip is a path with no window at all. Ten blocks with
# one 3×3 layer each have $2^{10}$ paths with 11 different fields:

# %%
block = stacks.Parallel(((), (conv(3, padding=1),)))
print([field.size for field in receptive.path_fields([block] * 10)])

# %% [markdown]
# The theoretical field is 21, as without the skips. But most paths take about half of the blocks: influence gathers even more
# in the middle (two sections further on).
#
# Paths that meet must have the **same jump**, otherwise their maps have different sizes and cannot be added. That is why a
# ResNet block that halves its map needs a strided 1×1 convolution on its shortcut. They should have the same **centre**,
# too: a branch without padding that is cropped differently would add neighbours that look at different places. The library refuses
# the first:

# %%
try:
    receptive.path_fields([stacks.Parallel(((), (conv(3, 2, 1),)))])
except shapes.ShapeError as error:
    print(error)

# %%
drill("explain-branches")

# %% [markdown]
# ## Well-known networks in numbers
#
# **Question.** Which numbers should you be able to reproduce?
#
# **Predict.** Order by receptive field: AlexNet, VGG-16, ResNet-50, LeNet-5.

# %%
for name, windows in {"LeNet-5": stacks.lenet5(), "AlexNet": stacks.alexnet(), "VGG-16": vgg}.items():
    print(
        f"{name:<8} {shapes.receptive_field(windows)}  {[field.size for field in receptive.fields(windows)]}"
    )

# %% [markdown]
# What these numbers mean on a photograph, for one unit near the middle behind each of VGG-16's pools:

# %%
frames = {}
for layer, color in zip((3, 6, 10, 14, 18), ("pink", "yellow", "sky", "green", "orange")):
    field = receptive.fields(vgg)[layer]
    first, _ = field.span(round(receptive.map_coordinate(field, 111.5)))
    frames[f"{field.size}"] = (first, first, field.size, field.size, color)

# %%
caption = f"Fields behind the five pools of VGG-16, in pixels of a 224-pixel image: {', '.join(frames)}."
figures.show(figures.draw_fields, photo, frames, caption=caption, size=(3.9, 3.6))

# %% [markdown]
# LeNet-5's last convolution sees all 32 pixels of its input, AlexNet's last pool 195 of 227, VGG-16's 212 of 224. (Its first dense
# layer is a 7×7 window on that last map: $212 + 6 \cdot 32 = 404$, so it sees everything.)
#
# **ResNet-50** is the famous case. Halving a stage means a stride of 2 *somewhere* in it, and implementations differ:

# %%
for place in stacks.RESNET_STRIDES:
    print(f"stride in the {place:<9} ->", shapes.receptive_field(stacks.resnet50(place)))

# %% [markdown]
# - **427**: in the 3×3 of each stage's first unit (torchvision, sometimes called v1.5). Those three 3×3 layers work *before* the halving:
#   their taps are 4, 8 and 16 pixels apart.
# - **483**: in the last unit of the stage before (TF-Slim, the numbers of the Distill article), or in the first 1×1 of the first unit
#   (the paper's own code). Either way the map is halved *before* these 3×3 layers, and their taps are 8, 16 and 32 apart.
#
# The difference is $2 \cdot (4 + 8 + 16) = 56 = 483 - 427$. The parameters are the same, and the multiply-adds differ a little; the sources do not
# disagree about the formula, they describe different networks of one name.

# %%
shown = {
    "AlexNet": stacks.alexnet(),
    "VGG-16": vgg,
    "stride in the 3×3": stacks.resnet50("first 3x3"),
    "stride before": stacks.resnet50("last 3x3"),
}
sizes = {name: [field.size for field in receptive.fields(windows)] for name, windows in shown.items()}
caption = (
    "Fields layer by layer: AlexNet ends at 195, VGG-16 at 212, ResNet-50 at 427 or 483, wider than "
    "its image of 224."
)
figures.show(figures.draw_field_sizes, sizes, caption=caption, size=(9, 4))

# %% [markdown]
# > [!INTERVIEW] A field larger than the image
# > 427 on a 224-pixel image means: nearly every unit of the last map can see everything. (Only those of its first row and column
# > cannot: they see up to pixel 213 and miss the last ten.) What hangs over the edge is padding. Padding costs accuracy near the
# > borders, and it tells units where the border is.

# %%
drill("why-427-or-483")

# %%
drill("stride-in-or-before")

# %% [markdown]
# ## The effective receptive field
#
# **Question.** A unit *can* see 212 pixels. How much does it *care* about the outermost ones?
#
# **Intuition.** Count paths. In the first picture of this chapter the outermost cell reached the unit along one path,
# the middle cell along seven. Each layer is a step to the left, to the middle or to the right. A sum of many independent steps is
# a bell curve: that is the central limit theorem.

# %%
paths = {
    depth: receptive.gradient_share(stacks.same_convs((1,) * depth), (41, 41), (20, 20)) for depth in (3, 20)
}
counts = (paths[3].sum(axis=0) * 27).round().astype(int)[17:24]
print("paths from each of the 7 cells to the unit, of 27:", counts)

# %%
caption = (
    "Left 3, right 20 layers of 3×3 with equal weights on 41×41 pixels. The field (orange) is 7 and "
    f"41 wide; sigma is {receptive.measured_sigma(paths[3]):.2f} and "
    f"{receptive.measured_sigma(paths[20]):.2f} pixels."
)
frames = {"3 layers": (17, 17, 7, 7, "orange"), "20 layers": (0, 0, 41, 41, "orange")}
figures.show(
    figures.draw_shares,
    {"3 layers": paths[3], "20 layers": paths[20]},
    caption=caption,
    frames=frames,
    size=(7, 3.4),
)

# %% [markdown]
# **Formula.** A tap of a kernel of $k$ lies at one of $k$ places, each $d j$ pixels from the next: a variance of
# $\frac{k^2 - 1}{12} (d j)^2$. Independent steps add their variances, so beside the recurrence of the size stands one of the spread:
#
# $$r = 1 + \sum_l (k_l - 1)\, d_l\, j_l \qquad\qquad \sigma^2 = \sum_l \frac{k_l^2 - 1}{12}\, (d_l\, j_l)^2$$
#
# For $L$ layers of 3×3 at stride 1: $r = 2L + 1$, but $\sigma = \sqrt{2L/3}$. **The field grows like $L$, its used part like
# $\sqrt{L}$.** The bell (95 % lie within $\pm 2\sigma$) fills 73 % of the field at 4 layers and 28 % at 32.

# %%
deep = stacks.same_convs((1,) * 20)
profile = paths[20].sum(axis=0)
bell = receptive.gaussian(41, receptive.computed_sigma(deep))
gap = np.abs(profile - bell).max() / profile.max()
caption = (
    "Share of the influence along one axis, 20 layers. The Gaussian with the computed sigma of "
    f"{receptive.computed_sigma(deep):.2f} is at most {gap:.1%} of the peak away."
)
figures.show(figures.draw_profiles, {"measured": profile, "Gaussian": bell}, caption=caption, size=(7, 2.8))

# %% [markdown]
# Equal weights are an idealisation. Take **random weights and ReLU** instead, and average the *squared* gradient over many
# networks (weights of mean 0 cancel in the plain average, their squares do not). Luo and others, who named the effective receptive
# field, prove for linear networks that the same bell comes out; with ReLU it is measured here, for four depths and three seeds.
#
# **Predict.** From 8 to 32 layers the field grows from 17 to 65. By which factor does the spread grow?

# %%
growth = effective_field.growth()
print(growth)

# %%
caption = (
    "From 4 to 32 layers the field grows from 9 to 65 pixels, the spread only about threefold (computed: "
    "the root of 8, 2.8). Whiskers: lowest and highest of 3 seeds."
)
figures.show(
    figures.draw_spread,
    growth.depths,
    growth.sizes,
    growth.measured,
    growth.computed,
    caption=caption,
    size=(9, 3.2),
)

# %% [markdown]
# By about two, the root of four. What widens the bell: larger kernels, **strides and dilation** (their jump enters squared).
# What narrows it: **skips**. If block and skip count the same, half of the influence passes each block without a step, and each
# block's variance is halved:

# %%
share = np.eye(1, 65, 32)[0]
for _ in range(16):
    share = (share + np.convolve(share, np.ones(3) / 3, mode="same")) / 2
plain = receptive.computed_sigma(stacks.same_convs((1,) * 16))
print(
    f"16 plain layers: sigma {plain:.2f}; 16 residual blocks: {receptive.measured_sigma(share[None], 1):.2f}"
)

# %% [markdown]
# **Before and after training.** The geometry says which paths exist, the weights say how strong they are, and training changes
# weights. A task made for the purpose: pictures of 13×13 pixels with faint noise and one dot on the *outermost* two rings; is
# it bright or dark? Six 3×3 layers without padding leave one unit, which sees exactly the whole picture, but at first it hardly
# looks at the edge.
#
# **Predict.** Training leaves the theoretical field as it is. What happens to the effective one?

# %%
training = effective_field.before_and_after()
print(training)

# %%
maps = {"before, mean of 3 seeds": training.before.mean(axis=0), "after": training.after.mean(axis=0)}
caption = (
    "Squared gradient of the answer on 13×13 pixels. Sigma grows from "
    f"{training.sigmas('before').mean():.1f} to {training.sigmas('after').mean():.1f} pixels, theory "
    "says 13×13 both times."
)
figures.show(figures.draw_shares, maps, caption=caption, size=(7, 3.4))

# %% [markdown]
# The network learned to look where the answer is. Luo and others saw the same direction on real tasks: effective fields grow
# in training. It is no law. A task whose answer lies in the middle would teach the network to look there.
#
# > [!SAY] Theoretical against effective receptive field
# > The theoretical field is every pixel that can influence a unit; it follows from kernels, strides and dilations. The
# > effective field is how much each one does, measured as a gradient. Because many more paths lead to the middle than to the
# > edge, it is close to a Gaussian whose width grows with the square root of the depth, while the theoretical field
# > grows with the depth. So deep units use a small part of what they could see, and training can widen it.

# %%
drill("spread-of-a-deep-stack")

# %%
drill("statements-on-the-effective-field")

# %% [markdown]
# ## Choosing a field
#
# **Question.** How large should it be?
#
# At least as large as what must be recognised *together with* the surroundings that explain it, and, since the effective field is
# smaller, well beyond that. A classifier's last units usually see the whole image. A detector needs several fields, small and
# large, for small and large objects (feature pyramids). For dense prediction, resolution must stay, so dilation takes the place of
# strides. Texture needs little: a small field is an honest way to keep a network from using the background.
#
# | To see more | the field grows | the price |
# |---|---|---|
# | more layers | by addition | depth, work, memory; $\sqrt{L}$ in effect |
# | larger kernels | by addition | work grows with $k^2$ |
# | stride, pooling | by multiplication | resolution |
# | dilation | by addition of $d(k - 1)j$; if the rates double, it doubles | gaps, if the rates are chosen badly |
# | global pooling, attention | to everything at once | place is lost, or work grows with the square of the pixels |
# | a smaller image | not in pixels, but in content | detail |
#
# Without any pooling or stride, resolution and cost stay high and the field grows slowly: 224 pixels need 112 layers of 3×3.

# %%
print("3×3 layers needed to see 224 pixels at stride 1:", -(-(224 - 1) // 2))
print("VGG-16 needs 13 convolutions and 5 pools for", shapes.receptive_field(vgg).size)

# %%
drill("layers-needed")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. Start with size 1, jump 1, start 0. Per layer: size += d(k−1)·jump, start −= p·jump, and *then* jump ×= s.
# 2. The field grows in every layer with k > 1, compression or not: by addition at stride 1, by multiplication with strides.
# 3. Padding moves the field and never widens it. Dilation widens it and may leave gaps.
# 4. VGG-16: 212, stride 32. ResNet-50: 427 if the stride sits in the first 3×3 of a stage, 483 if it comes before.
# 5. The effective field is a bell in the middle; it widens like √L while the field grows like L. Training can reshape it.
#
# | Formula | |
# |---|---|
# | $r \leftarrow r + d(k-1)j,\quad a \leftarrow a - pj,\quad j \leftarrow js$ | size, start and jump, layer by layer |
# | $r = 1 + \sum_l d_l (k_l - 1) \prod_{m<l} s_m$ | the size at once |
# | $[\,a + ij,\;\; a + ij + r - 1\,]$ | first and last pixel of unit $i$ |
# | $c_i = a + (r - 1)/2 + ij, \quad i = (c - c_0)/j$ | map to image, image to map |
# | $1 + L(k-1), \quad 1 + (k-1)(s^L - 1)/(s - 1)$ | $L$ equal layers, stride 1 and $s$ |
# | $\sigma^2 = \sum_l (k_l^2 - 1)/12 \cdot (d_l j_l)^2$ | spread of the influence, equal weights |

# %% [markdown]
# ## More drills
#
# **By hand:** pencil, no code.

# %%
drill("field-of-four-layers")

# %%
drill("jump-of-a-stack")

# %%
drill("middle-of-a-field")

# %% [markdown]
# **In the corner, and in a program.**

# %%
drill("field-in-the-corner")

# %%
drill("bug-receptive-field")

# %% [markdown]
# **Type the formula.** It is checked at random points; any equivalent form is right.

# %%
drill("field-formula")

# %%
drill("start-formula")

# %%
drill("strided-stack-formula")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("explain-effective-field")

# %%
drill("explain-region-mapping")

# %%
drill("explain-growing-a-field")

# %% [markdown]
# ## Sources
#
# - Araujo, Norris, Sim, *Computing Receptive Fields of Convolutional Neural Networks* (Distill, 2019): the recurrence and its proof,
#   branches; AlexNet 195, VGG-16 212 and ResNet-50 483, each with stride 32.
# - Luo, Li, Urtasun, Zemel, *Understanding the Effective Receptive Field in Deep Convolutional Neural Networks* (2016): the
#   Gaussian shape, the growth with √L, skips, before and after training. Their maps show the mean absolute gradient; ours the
#   squared one, which is the same bell, √2 times narrower.
# - LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition* (1998), section II.B: LeNet-5's layers.
# - Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* (2012), section 3.5: AlexNet's.
# - Simonyan, Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition* (2014), table 1 and section 2.3: VGG-16,
#   three 3×3 for one 7×7.
# - Szegedy and others, *Going Deeper with Convolutions* (2014), table 1 and figure 2b: GoogLeNet. (Its 715 is computed here.)
# - He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition* (2015), table 1: ResNet-50.
# - Wang and others, *Understanding Convolution for Semantic Segmentation* (2018), section 3.2: gridding and hybrid dilated convolution.
# - He, Gkioxari, Dollár, Girshick, *Mask R-CNN* (2017), section 3: RoI Align against the rounding of RoI pooling.
# - The course's text, *Deep Dive Section 2*: the claim that compression makes the field grow, which this chapter corrects.
