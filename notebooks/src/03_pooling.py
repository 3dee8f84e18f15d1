# %% [markdown]
# # Chapter 03. Pooling: one number for many, and what is lost
#
# **After this chapter you can answer**
#
# 1. A 32×32×16 volume goes through 2×2 max pooling with stride 2. What comes out, at what cost, with how many
#    parameters?
# 2. Max or average: what does each keep, and when would you choose which?
# 3. Is max pooling invariant to a shift by one pixel?
# 4. How do gradients go back through max and average pooling, at a tie, and where windows overlap?
# 5. Why do modern classifiers end in global average pooling? Why is one number per map enough?
# 6. Why is pooling used, what are its drawbacks, and what would you use instead?
#
# **Time** 50 minutes to read and play, 40 more for the drills.
# **Builds on** chapter 01 (windows, channels, equivariance) and chapter 02 (padding, stride, the output size).

# %%
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnkit import figures, gradcheck, pooling_experiments, shapes
from cnnkit import pooling_variants as variants
from cnnkit.drills import drill
from cnnkit.kernels import loops, vectorized
from cnnkit.widgets import PoolingBench

# %% [markdown]
# ## One number for each window
#
# **Question.** A feature map says, cell by cell, how well a kernel's pattern fits there. Must the next layer know
# every cell exactly? Or is it enough to know that the pattern is *somewhere around here*?
#
# **Intuition.** Slide a window over the map, as in a convolution, but do not multiply: keep the **largest** number
# of the window (max pooling), or the **mean** (average pooling). Each channel is treated alone.
#
# **Predict.** The matrix is cut into four windows of 2×2. Which four numbers does each kind leave?

# %%
x = np.array([[1, 3, 2, 1], [4, 8, 2, 1], [6, 1, 9, 2], [0, 5, 3, 2.0]])
largest = vectorized.max_pool2d(x[..., None], 2)[..., 0]
means = vectorized.avg_pool2d(x[..., None], 2)[..., 0]
caption = (
    f"Max pooling keeps {largest.ravel().tolist()}, average pooling {means.ravel().tolist()}, row by row."
)
figures.show(figures.draw_max_against_average, x, largest, means, caption=caption, size=(8, 2.9))

# %% [markdown]
# Look at the window in the lower right. Max reports its 9; for the average the 9 is diluted by its quiet
# neighbours. In the upper right all cells are nearly alike, and the two kinds stay close: 2 and 1.5.
#
# **Formula.** With window $P_H \times P_W$ and stride $s$, for every channel $c$ on its own:
#
# $$y^{\max}_{i,j,c} = \max_{m,n}\; x_{i s + m,\; j s + n,\; c} \qquad\qquad
# y^{\text{avg}}_{i,j,c} = \frac{1}{P_H P_W} \sum_{m,n} x_{i s + m,\; j s + n,\; c}$$
#
# The output size is that of a convolution: $\lfloor (n + p_\text{before} + p_\text{after} - P)/s \rfloor + 1$ along
# each axis, *rounded down* ($P$ is $P_H$ or $P_W$, $p$ the padding). **The number of channels stays**, and there is
# **nothing to learn**: max and average pooling have zero parameters. A 32×32×16 volume, 2×2, stride 2:
# $\lfloor (32-2)/2 \rfloor + 1 = 16$, so 16×16×16. (LeNet's subsampling of 1998 did learn: a coefficient and a bias
# for each map behind the average. Today's pooling layers have neither.)
#
# **The literal loops.** A maximum must start below every number, so at minus infinity, never at 0.


# %%
def max_pool(x, k, stride):
    rows, columns = (x.shape[0] - k) // stride + 1, (x.shape[1] - k) // stride + 1
    y = np.full((rows, columns), -np.inf)
    for i in range(rows):
        for j in range(columns):
            for m in range(k):
                for n in range(k):
                    y[i, j] = max(y[i, j], x[i * stride + m, j * stride + n])
    return y


# %% [markdown]
# **The vectorised code** is the window view of chapter 01, thinned out by the stride, and one reduction. For 2×2
# with stride 2 there is an even shorter form: reshape to the axes (window row, row inside the window, window column,
# column inside the window), and reduce the two inner ones, 1 and 3. It works only when windows neither overlap nor
# leave anything over.

# %%
windows = sliding_window_view(x, (2, 2))[::2, ::2]
by_reshape = x.reshape(2, 2, 2, 2).max(axis=(1, 3))
print(
    "all agree:",
    np.array_equal(max_pool(x, 2, 2), windows.max(axis=(2, 3))),
    np.array_equal(largest, by_reshape),
)
print("average:  ", np.array_equal(means, windows.mean(axis=(2, 3))))

# %% [markdown]
# **Max or average?**
#
# | | max | average |
# |---|---|---|
# | asks | is the feature here at all? | how much of it is here? |
# | keeps | the strongest response | the overall level, background included |
# | good for | sparse, sharp features | smooth maps; when all evidence counts |
# | weak point | one noisy cell decides | a lone strong response is diluted |
# | gradient | to one cell of a window | to all cells, in equal parts |
# | typical place | between the blocks of a classifier | at its end (global); in LeNet, between the layers |
#
# Two facts about max pooling that are often asked. **It commutes with ReLU**, the activation that
# sets negative numbers to 0, because the ReLU keeps order: the largest cell stays the largest. Pool 2×2 first, and
# the ReLU has four times fewer cells to visit. Average pooling does not commute with it. And its
# **padding must be minus infinity**, not 0: before a ReLU a padded 0 would win against every negative number. (A
# NaN in a window makes the result NaN, in cnnkit as in PyTorch; it must not lose against minus infinity.)

# %%
signed = np.random.default_rng(3).normal(size=(6, 6, 1))
for name, pool in (("max", vectorized.max_pool2d), ("average", vectorized.avg_pool2d)):
    same = np.allclose(pool(np.maximum(signed, 0), 2), np.maximum(pool(signed, 2), 0))
    print(f"{name:8} pooling commutes with ReLU: {same}")
negative = np.full((3, 3, 1), -5.0)
print(
    "padded with -inf:",
    vectorized.max_pool2d(negative, 3, stride=2, padding=1)[0, 0, 0],
    " with 0 it would be 0",
)

# %%
drill("pool-output-size")

# %%
drill("pooling-parameters")

# %% [markdown]
# > [!MISTAKE] Pooling over channels
# > Pooling never mixes channels: 64 maps in, 64 maps out. To change the number of channels you need a 1×1
# > convolution. (Taking a maximum *across* channels exists, too; it is called maxout, and it is another layer.)

# %%
drill("max-pool-code")

# %% [markdown]
# ## Overlap or partition
#
# **Question.** Many texts say that pooling *partitions* the map into regions. Does it?
#
# Only when the stride equals the window **and** the windows fill the map. AlexNet and ResNet's stem pool 3×3
# windows with stride 2: they **overlap**. A stride larger than the window leaves **gaps**: cells that nothing ever
# reads.
#
# **Predict.** A 7×7 map. How often is each cell read by 2×2 windows with stride 2? By 3×3 with stride 2? By 2×2
# with stride 3?

# %%
settings = {"2×2, stride 2": (2, 2), "3×3, stride 2": (3, 2), "2×2, stride 3": (2, 3)}
reads = {}
for name, (k, stride) in settings.items():
    reads[name] = np.zeros((7, 7))
    for i in range(0, 7 - k + 1, stride):
        for j in range(0, 7 - k + 1, stride):
            reads[name][i : i + k, j : j + k] += 1

# %%
never = [int((count == 0).sum()) for count in reads.values()]
most = reads["3×3, stride 2"].max()
caption = (
    f"How many windows read each cell. Cells never read: {never[0]}, {never[1]} and {never[2]}; with 3×3 "
    f"and stride 2 the most-read cells are read {most:.0f} times."
)
figures.show(figures.draw_matrices, reads, caption=caption, size=(9, 3))

# %% [markdown]
# At 2×2 with stride 2 the last row and the last column are dropped, because 7 is odd and the size is rounded
# *down*. The most-read cell of an overlapping pooling is read $\lceil P/s \rceil$ times along each axis.
#
# > [!FRAMEWORKS] Rounding up
# > PyTorch's pooling has `ceil_mode=True`: a last window may hang over the end, as long as it starts inside the input
# > or its left padding. ONNX has the same switch. Keras has none; its `padding="same"` also rounds up, but something
# > else: $\lceil n/s \rceil$ windows, whatever their size. Seven cells, window 3, stride 2: ceil mode gives 3
# > (nothing is left over), `"same"` gives 4. Caffe rounded up by default, which is why old GoogLeNet ports need
# > `ceil_mode`.

# %%
print("7 cells, 2/2:", shapes.conv_output_size(7, 2, stride=2), "windows; with ceil mode", end=" ")
print(shapes.conv_output_size(7, 2, stride=2, ceil_mode=True))
print("7 cells, 3/2:", shapes.conv_output_size(7, 3, stride=2, ceil_mode=True), "in ceil mode;", end=" ")
print(shapes.conv_output_size(7, 3, stride=2, padding="same"), 'with "same"')

# %%
drill("max-pool-by-hand")

# %%
drill("reads-of-a-cell")

# %% [markdown]
# ## Average pooling and its corners
#
# **Question.** With padding, a corner window of 3×3 holds four cells of the map and five cells of padding. Divide
# by 4 or by 9?
#
# Both conventions exist, and they give different numbers wherever a window touches padding.
#
# **Predict.** The map is 9 everywhere. What does each convention put into the corner?

# %%
flat = np.full((4, 4, 1), 9.0)
box = {"stride": 2, "padding": 1}
corners = {
    "padding not counted": vectorized.avg_pool2d(flat, 3, **box)[..., 0],
    "padding counted": vectorized.avg_pool2d(flat, 3, count_include_pad=True, **box)[..., 0],
}

# %%
caption = (
    "A map of nines, 3×3, stride 2, padding 1. Where padding is counted, the corner falls to 4 (= 36/9) "
    "and the edges to 6 (= 54/9). Padding below and right is never read here: the last window ends before it."
)
figures.show(figures.draw_matrices, corners, limits=(0, 9), caption=caption, size=(5, 2.8))

# %% [markdown]
# **Formula.** Only the denominator differs: the number of cells of the window that lie *inside the input* (left),
# or that lie in the *padded* input (right), $P_H P_W$.
#
# > [!FRAMEWORKS] count_include_pad
# > PyTorch's `AvgPool2d` counts padding by default (`count_include_pad=True`). Keras and TensorFlow with `"same"`
# > do not, nor does ONNX by default (`count_include_pad=0`). A model that is carried across without looking has
# > wrong borders, and nothing fails loudly. Cells that overhang because of `ceil_mode` are never counted.

# %%
drill("average-corner")

# %% [markdown]
# ## Average pooling is a convolution
#
# **Question.** Can you implement average pooling with a convolution?
#
# Yes: a mean is a weighted sum whose weights are all $1/(P_H P_W)$. To keep the channels apart the convolution must
# be **depthwise** (groups = C), with the pooling's stride and no bias. Max pooling is not linear and has no such
# kernel.

# %%
maps = np.random.default_rng(0).normal(size=(2, 9, 8, 3))
w = np.full((3, 2, 1, 3), 1 / 6)
pooled = vectorized.avg_pool2d(maps, (3, 2), stride=2)
print("same:", np.allclose(vectorized.conv2d(maps, w, stride=2, groups=3), pooled), pooled.shape)

# %% [markdown]
# So average pooling is one particular strided convolution: a fixed one. A zero-padded convolution counts the
# padding, so it matches the convention `count_include_pad=True`.

# %%
drill("average-as-convolution-code")

# %% [markdown]
# ## Global average pooling
#
# **Question.** The last feature maps are 7×7×512. A dense layer on the flattened maps needs one weight for each of
# the 25,088 numbers and each class. Is there a cheaper way to a decision?
#
# **Intuition.** A late map answers to one high-level feature: fur, wheels, brickwork. To name the picture it
# matters *that* there is fur, not where. So average each map over all its cells: **H×W×C becomes C numbers**. That
# is global average pooling (GAP).

# %%
features = np.random.default_rng(1).normal(size=(7, 7, 512))
gap = features.mean(axis=(0, 1))
print(gap.shape, "- same as the library:", np.allclose(gap, variants.global_avg_pool2d(features)))

# %% [markdown]
# **What it buys.**
#
# - **Parameters.** GAP has none, and the dense layer behind it shrinks by the factor $H W$. In the Keras model of
#   chapter 00 nearly all of the 1,626,442 parameters sit in one dense layer on the flattened 14×14×64 maps. Here the
#   hidden layer of 128 goes as well, hence a factor that is not $H W = 196$:

# %%
convolutions = shapes.count_conv_params(3, 3, 32) + shapes.count_conv_params(3, 32, 64)
flattened = shapes.count_dense_params(14 * 14 * 64, 128) + shapes.count_dense_params(128, 10)
averaged = shapes.count_dense_params(64, 10)
print(f"flatten, dense 128, dense 10: {convolutions + flattened:,} parameters")
print(f"global average, dense 10:     {convolutions + averaged:,} parameters")
print(f"factor: {(convolutions + flattened) / (convolutions + averaged):.0f}")

# %% [markdown]
# - **Less overfitting**, since the layer that memorises most is gone.
# - **Any input size.** A mean exists for 7×7 and for 12×9 alike; the flattened vector fits one size only.
# - **Maps with a meaning.** Each map must now carry evidence that can simply be added up for the classes; in Network
#   in Network, without a dense layer behind, it is one map per class. Weight the maps *before* the average by the
#   weights of a class and you see where the evidence was: a **class activation map** (CAM). Averaging and weighting
#   may be swapped, because both are linear:
#   $\sum_c w_c \,\text{mean}(x_c) = \text{mean}\big(\sum_c w_c\, x_c\big)$.

# %%
weights = np.random.default_rng(2).normal(size=512)
activation_map = features @ weights
print(
    "score from the averages:",
    np.isclose(gap @ weights, activation_map.mean()),
    "- map:",
    activation_map.shape,
)

# %% [markdown]
# **Why is one number per map enough?** Because classes differ in *which* features they switch on. A test without
# any training: four photographs of textures, ten fixed kernels with ReLU, ten averages. A crop is given to the
# class whose mean vector is nearest; training crops come from the left half of each photograph, test crops from the
# right half.
#
# **Predict.** The crops are 32×32. Which classifier is better: the one with 10 averages, or the one with all 1,024
# pixels? And what do the pixels know when each crop's mean brightness is taken away?

# %%
print(pooling_experiments.texture_test())

# %% [markdown]
# Ten numbers beat 1,024. What the pixels know is *brightness*: without it they do no better than guessing (25 %), and
# brightness alone does better than all of them. A texture puts its strokes elsewhere in every crop, so no single
# pixel says anything about them. The averages ask how much of each stroke there is, wherever it is, and the eight
# kernels that sum to 0, blind to brightness, do it alone.
#
# What is lost is the place: any shuffling of the cells gives the same averages. Two pictures with the same parts in
# another arrangement look alike to GAP; tasks that need positions (segmentation, keypoints, detection) keep the map.

# %%
cells = np.random.default_rng(4).permutation(49)
shuffled = features.reshape(49, 512)[cells].reshape(7, 7, 512)
print("shuffled map, same averages:", np.allclose(variants.global_avg_pool2d(shuffled), gap))

# %% [markdown]
# > [!FRAMEWORKS] The same layer under several names
# > Keras: `GlobalAveragePooling2D`. PyTorch: `AdaptiveAvgPool2d(1)`, or `x.mean(dim=(2, 3))` in NCHW. **Adaptive**
# > pooling asks for an output size $o$ instead of a window: output $i$ averages the cells from
# > $\lfloor i n/o \rfloor$ to $\lceil (i+1) n/o \rceil - 1$, whatever $n$ is. ONNX: `GlobalAveragePool`. In text
# > networks the maximum over time plays the same part: one number for each filter, however long the sentence.
#
# > [!SAY] Why do modern classifiers use global average pooling?
# > It replaces flatten and the big dense layers: each feature map is averaged to one number, and one small dense
# > layer decides. It has no parameters, so the model is smaller and overfits less, it accepts any input size, and
# > each map must carry evidence that can be added up for the classes. Location is lost, which classification does not
# > need.

# %%
drill("global-average-code")

# %%
drill("gap-head-weights")

# %%
drill("why-one-number-is-enough")

# %% [markdown]
# ## L2 pooling, between average and maximum
#
# **Question.** Is there anything between 'all cells count the same' and 'only the largest counts'?
#
# **Formula.** The $q$-norm of the window. (Papers and code call the exponent $p$ and the layer Lp pooling; here $p$
# is the padding.)
#
# $$y_{i,j,c} = \Big( \sum_{m,n} \big| x_{i s + m,\; j s + n,\; c} \big|^q \Big)^{1/q}$$
#
# $q = 1$ is the sum of absolute values (after a ReLU that is the average, up to a factor), $q = 2$ is **L2
# pooling**, and the larger $q$ is, the more the largest cell dominates; $q \to \infty$ is the maximum of the absolute
# values.

# %%
window = np.array([[3.0, 4], [0, 0]])[..., None]
for q in (1.0, 2.0, 4.0, 16.0, np.inf):
    norm = variants.lp_pool2d(window, 2, p=q).item()
    print(f"q = {q:<4g} norm {norm:.3f}   with a mean in place of the sum {norm / 4 ** (1 / q):.3f}")

# %% [markdown]
# Mind the convention: PyTorch's `LPPool2d` and ONNX's `LpPool` take the *sum*, so a constant map grows with the
# window. PyTorch also documents $x^q$ without the absolute value, so an odd exponent and negative cells differ from
# the formula here. With the *mean* of the powers the values run from the average of the absolute values to their
# maximum. Generalised-mean (GeM) pooling for image retrieval is the latter, taken globally, with an exponent that is
# learned.

# %%
drill("l2-by-hand")

# %% [markdown]
# ## A strided convolution instead
#
# **Question.** A convolution with stride 2 halves the map, too. Why pool at all?
#
# A strided convolution *learns* how to shrink: it can average, pick a cell, or do something that no pooling does,
# and it can change the number of channels on the way. Springenberg and others replaced every pooling of a network
# by strided convolutions without losing accuracy; ResNets shrink that way after the one max pooling of their stem,
# and DCGAN's discriminator has no pooling at all.
#
# The price: parameters and multiply-adds. And a strided convolution has no tolerance of shifts built in.

# %%
print("2×2 pooling on 56×56×64:      0 parameters,", f"{28 * 28 * 64 * 4:,} cells read")
parameters, macs = shapes.count_conv_params(3, 64, 64), shapes.count_conv_macs(28, 3, 64, 64)
print(f"3×3 convolution with stride 2: {parameters:,} parameters, {macs:,} multiply-adds")

# %% [markdown]
# > [!INTERVIEW] Why a max-pooling layer rather than a convolution with the same stride?
# > It has no parameters to learn or store, costs a fraction of the work, and forgives small shifts. The convolution
# > is the better choice when the way of shrinking should be learned, or when another layer would be needed anyway:
# > one strided convolution in place of a convolution and a pooling computes a quarter of the positions.

# %% [markdown]
# ## What pooling costs
#
# **Formula.** Input $c \times h \times w$, window $P_H \times P_W$, stride $s$, padding $p$ on every side:
#
# $$h' = \Big\lfloor \frac{h + 2p - P_H}{s} \Big\rfloor + 1, \quad w' = \Big\lfloor \frac{w + 2p - P_W}{s} \Big\rfloor + 1, \qquad
# \text{cost} \approx c\, h' w' \cdot P_H P_W$$
#
# cells read. Each output takes one comparison (max) or addition (average) less than its window has cells; an average
# adds one division. There is no factor $C_\text{in} \cdot C_\text{out}$ and there are no
# weights: next to a convolution it is nothing, and on real hardware the time goes into *moving* the map through
# memory. The volume of question 1, 32×32×16 with 2×2 windows and stride 2:

# %%
outputs = shapes.conv_output_size(32, 2, stride=2) ** 2 * 16
print(f"{outputs:,} outputs, {outputs * 4:,} cells read, {outputs * 3:,} comparisons for a maximum;")
print(f"an average: {outputs * 3:,} additions and {outputs:,} divisions")

# %% [markdown]
# Large windows can do better. A maximum and a sum are **separable**: first along the rows, then along the columns,
# $P_H + P_W$ instead of $P_H P_W$ per cell at stride 1. Running sums make the cost of the average independent of
# the window's size.

# %%
separable = vectorized.max_pool2d(vectorized.max_pool2d(maps, (1, 3), stride=1), (3, 1), stride=1)
print("rows, then columns:", np.array_equal(separable, vectorized.max_pool2d(maps, 3, stride=1)))

# %%
drill("pooling-comparisons")

# %% [markdown]
# ## Where the gradient goes
#
# In training every output $y_{i,j}$ comes with an **error** $\delta_{i,j} = \partial L / \partial y_{i,j}$: how fast
# the loss $L$ rises when this output rises. Wanted is the same for every input cell, the **gradient**
# $dx = \partial L / \partial x$; *finite differences* measure it, by moving one cell a little up and down and
# watching $L$.
#
# **Question.** An error arrives at one output of a pooling. Which cells of the input get it?
#
# **Intuition.** Wiggle an input cell and see whether the output moves. Under a maximum only the winner moves it,
# one to one. Under a mean every cell moves it, by $1/(P_H P_W)$.
#
# **Formula.** With $\delta$ for the errors and $m^*, n^*$ for the place of each window's maximum, which the forward
# pass remembers:
#
# $$\text{max:}\quad dx_{i s + m^*,\; j s + n^*} \mathrel{+}= \delta_{i,j} \qquad\qquad
# \text{average:}\quad dx_{i s + m,\; j s + n} \mathrel{+}= \frac{\delta_{i,j}}{P_H P_W} \;\text{ for all } m, n$$
#
# (Where padding is not counted, divide by the cells of the window that lie inside the input instead.)
#
# The $\mathrel{+}=$ matters. **Where windows overlap, a cell collects from every window that it belongs to.** With
# 2×2 and stride 2 an `=` goes unnoticed; 3×3 with stride 2 exposes it.
#
# **Predict.** 3×3 windows, stride 2: the 9 in the middle wins all four windows. Every output has an error of
# 1. What is its gradient?


# %%
def max_pool_backward(dy, x, k, stride):
    dx = np.zeros_like(x)
    for i in range(dy.shape[0]):
        for j in range(dy.shape[1]):
            window = x[i * stride : i * stride + k, j * stride : j * stride + k]
            m, n = np.unravel_index(window.argmax(), window.shape)
            dx[i * stride + m, j * stride + n] += dy[i, j]
    return dx


# %%
board = np.array([[1, 3, 2, 1, 0], [4, 8, 0, 1, 2], [6, 1, 9, 2, 4], [0, 5, 3, 2, 1], [2, 0, 1, 7, 3.0]])
dy = np.ones((2, 2))
to_winners = max_pool_backward(dy, board, 3, 2)
to_all = vectorized.avg_pool2d_backward(dy[..., None], (5, 5, 1), 3, stride=2)[..., 0]
kernel = vectorized.max_pool2d_backward(dy[..., None], board[..., None], 3, stride=2)[..., 0]

# %%
caption = (
    f"The 9 wins four windows and collects {to_winners[2, 2]:.0f}. Under the average it collects "
    f"4/9 = {to_all[2, 2]:.2f}, the corners 1/9 = {to_all[0, 0]:.2f}."
)
shown = {"input": board, "max: gradient": to_winners, "average: gradient": to_all}
figures.show(figures.draw_matrices, shown, caption=caption, size=(9, 3))

# %% [markdown]
# **Proof.** The loops agree with the library, and both with finite differences: numerical gradients of the sum of
# all outputs.

# %%
check = gradcheck.numeric_gradient(lambda x: loops.max_pool2d(x[..., None], 3, stride=2).sum(), board)
print(
    "loops = library:",
    np.array_equal(to_winners, kernel),
    "- finite differences:",
    np.allclose(check, kernel),
)
paths = vectorized.avg_pool2d_backward(np.ones((3, 3, 1)), (7, 7, 1), 3, stride=2)[..., 0] * 9
print("average, errors of 1, times 9 = how often a cell is read:", np.allclose(paths, reads["3×3, stride 2"]))

# %% [markdown]
# And the bug, `=` for `+=`, on both settings. The test with 2×2 windows passes; that is why it is a bad test.

# %%
for k, stride in ((2, 2), (3, 2)):
    y = max_pool(board, k, stride)
    wrong = np.zeros_like(board)
    for i, j in np.ndindex(y.shape):
        m, n = np.argwhere(board[i * stride : i * stride + k, j * stride : j * stride + k] == y[i, j])[0]
        wrong[i * stride + m, j * stride + n] = 1
    print(
        f"{k}×{k}, stride {stride}: `=` agrees:",
        np.array_equal(wrong, max_pool_backward(np.ones(y.shape), board, k, stride)),
    )

# %% [markdown]
# **Ties.** When two cells share the maximum there is no derivative. After a ReLU that is common: whole windows are
# 0.
#
# **Predict.** A window holds 7, 2, 7, 1. Finite differences move each 7 up and down by the same step. What do they
# say?

# %%
tied = np.array([[7, 2], [7, 1.0]])
routed = max_pool_backward(np.ones((1, 1)), tied, 2, 2)
numeric = gradcheck.numeric_gradient(lambda x: x.max(), tied)
shown = {"window": tied, "first maximum takes all": routed, "finite differences": numeric}
caption = (
    f"At a tie the first 7 takes {routed[0, 0]:.0f}, the second nothing. Central differences say "
    f"{numeric[0, 0]:.1f} for both."
)
figures.show(figures.draw_matrices, shown, caption=caption, size=(7, 2.6))

# %% [markdown]
# Raising either 7 raises the maximum, lowering it does nothing: the two one-sided slopes are 1 and 0, and a central
# difference averages them. A gradient check at a tie fails although nothing is wrong; check at points without ties. A
# **subgradient**, any slope between the one-sided ones, serves in place of the derivative: any split into
# non-negative shares among the tied cells that sum to the error is one. A pooling layer stores *one* index per
# window, so one cell takes everything.
#
# > [!FRAMEWORKS] Ties
# > cnnkit takes the first maximum in reading order, like NumPy's `argmax`. PyTorch's `MaxPool2d` also stores a
# > single index, and TensorFlow's max pooling routes to a single cell; `torch.amax` instead shares the gradient
# > equally among the tied cells.
#
# > [!INTERVIEW] What has to be kept for the backward pass?
# > Max pooling: the index of each winner (or the input, to find it again). Average pooling: the shape of the input
# > only, no values. **Unpooling** in encoder-decoder networks, which shrink a picture and then enlarge the
# > result to its size again, uses the same indices to put values back where they
# > came from.
#
# > [!MISTAKE] A mask `x == max`
# > It marks *every* tied cell, so more gradient comes back than went in. And it needs the maximum of each cell's
# > own window, which is ambiguous where windows overlap.

# %%
drill("max-gradient-by-hand")

# %%
drill("gradient-at-a-tie")

# %%
drill("max-pool-backward-code")

# %% [markdown]
# ## Max pooling is not shift invariant
#
# **Question.** "Max pooling detects a feature regardless of its location." Take the sentence literally: does the
# output stay when the input moves by one cell?
#
# **Predict.** The signal is 0 0 1 1 0 0 1 1, the window 2, the stride 2. What comes out? And after a step to the
# left? (`np.roll` wraps around: what leaves at the left comes back at the right.)

# %%
signal = np.array([0, 0, 1, 1, 0, 0, 1, 1.0])
moved = np.roll(signal, -1)
pairs = [row.reshape(4, 2).max(axis=1) for row in (signal, moved)]
rows = {
    "signal": signal,
    "max pooling": pairs[0],
    "one step to the left": moved,
    "max pooling after": pairs[1],
}
before, after = (pair.astype(int).tolist() for pair in pairs)
caption = f"Before: {before}. After a shift by one cell: {after}. Half of the outputs have changed."
figures.show(figures.draw_signals, rows, caption=caption, size=(8, 3))

# %% [markdown]
# The maximum is indifferent to the place **inside its window only**. The windows themselves stand still, and what
# crosses an edge changes an output. Two different things are at work:
#
# - Taking the maximum at *every* position (stride 1) is equivariant, and it widens each peak.
# - Keeping every second of those maxima, the **stride**, is what depends on the position.
#
# Shift by a multiple of the stride, and the output moves along exactly (but for the border, which
# the wrapping `np.roll` does not have). That is equivariance,
# not invariance:

# %%
dense = np.maximum(signal, np.roll(signal, -1))
print("maxima at every position:", dense.astype(int))
print("kept before:", dense[::2].astype(int), " kept after:", np.roll(dense, -1)[::2].astype(int))
by_two = np.roll(signal, -2).reshape(4, 2).max(axis=1)
print(
    "shift by 2: output",
    by_two.astype(int),
    "= the old one, moved by 1:",
    np.array_equal(by_two, np.roll(pairs[0], -1)),
)

# %%
drill("pooled-after-a-shift")

# %%
drill("max-pooling-and-shifts")

# %% [markdown]
# ## Blur before you subsample
#
# **Question.** Signal processing has long known what to do before one throws away every second sample. What is it,
# and why did networks not do it?
#
# **Intuition.** A **low-pass filter**, which keeps what changes slowly and removes what changes fast; a blur is one.
# Fine detail must go first, otherwise it comes out as something else (*aliasing*, like the wheels that turn backwards
# in a film). Networks had tried: average pooling blurs *instead of* taking the maximum. It classified worse, and the
# two were taken for alternatives. Zhang (2019) keeps the maximum and puts the blur behind it:
#
# $$\text{max pooling} = \text{maximum at stride 1} \;\rightarrow\; \text{every } s\text{-th cell}$$
# $$\text{blur pooling} = \text{maximum at stride 1} \;\rightarrow\; \text{blur} \;\rightarrow\; \text{every } s\text{-th cell}$$
#
# The maximum at stride 1 is equivariant; it is the step behind it that aliases.
# The blur is a small binomial kernel, $(1, 2, 1)/4$ along each axis. It is fixed, not learned.

# %%
print(variants.blur_kernel(3) * 16)
blurred = [(np.roll(d, 1) + 2 * d + np.roll(d, -1)) / 4 for d in (dense, np.roll(dense, -1))]
rows = {
    "max pooling": pairs[0],
    "after a step": pairs[1],
    "with blur": blurred[0][::2],
    "blur, after a step": blurred[1][::2],
}
soft, soft_after = (values[::2].tolist() for values in blurred)
caption = f"Max pooling jumps from {before} to {after}; with the blur it goes from {soft} to {soft_after}."
figures.show(figures.draw_signals, rows, caption=caption, size=(8, 3))

# %% [markdown]
# Max pooling changes by a whole 1 in half of its cells; with the blur no cell changes by more than a quarter. The
# same repair works for a strided convolution: convolve at stride 1, ReLU, blur, subsample. Average pooling is a blur
# already, but a box, which is a worse one: it lets more of the fine detail through. Of a wave that repeats every
# three cells, too fine for a grid of every second cell, this much passes:

# %%
for name, taps in (("box (1, 1)/2", [0.5, 0.5]), ("binomial (1, 2, 1)/4", [0.25, 0.5, 0.25])):
    print(f"{name:21} {abs(np.fft.fft(taps, 3)[1]):.2f} of the wave")

# %% [markdown]
# The library puts it together from a max pooling at stride 1 and a depthwise convolution:

# %%
by_hand = variants.blur_pool2d(vectorized.max_pool2d(maps, 2, stride=1), 3, stride=2)
y = variants.max_blur_pool2d(maps, 2)
print(
    "same:",
    np.array_equal(y, by_hand),
    "- shape like max pooling:",
    y.shape == vectorized.max_pool2d(maps, 2).shape,
)

# %%
drill("blur-pool-by-hand")

# %% [markdown]
# ## Shift robustness, measured
#
# **Question.** How much does each kind change when a real picture slides by one pixel?
#
# We take the vertical edges (after ReLU) of each of the course's ten photographs, slide the picture one pixel at a
# time to the right, and compare each pooled map with that of the unmoved photograph: $\|y_s - y_0\| / \|y_0\|$. New
# content comes in from the side, nothing wraps around. 0 would be invariance. The outputs are *not* moved back before
# they are compared, so equivariance counts as change here. And more than 100 % is no mistake: two unrelated maps of
# equal size (norm) differ by up to $\sqrt 2$, 141 %, since no value is negative.
#
# **Predict.** Order by the change at one pixel: no pooling, max, average, L2, strided convolution (here: the first
# cell of each window, plain subsampling), max with blur (`blur`), global average.

# %%
survey = pooling_experiments.shift_survey(window=2, stride=2)
survey.pop("average, padding counted")  # no padding here, so both averages are one
for kind, changes in survey.items():
    error = changes[:, 1].std(ddof=1) / np.sqrt(len(changes))
    print(
        f"{kind:20} 1 pixel {changes[:, 1].mean():4.0%} (± {error:.0%})    2 pixels {changes[:, 2].mean():4.0%}"
    )

# %%
first_step = {kind: changes[:, 1].mean() for kind, changes in survey.items()}
caption = (
    "Change of the output against the shift, 2×2 with stride 2, mean over ten photographs and its standard "
    f"error. One pixel changes max pooling by {first_step['max']:.0%}, max with blur by {first_step['blur']:.0%}."
)
figures.show(figures.draw_shift_curves, survey, caption=caption, size=(8, 3.6))

# %% [markdown]
# What to take away:
#
# - Max pooling **reduces** the change; it is far from removing it. The average is slightly but
#   regularly worse.
# - Plain subsampling buys next to nothing: the map before it changed hardly more.
# - With the blur the change is smaller at every shift. But each of its outputs also reads more cells; see below.
# - Only the **global** average comes near invariance, and even that sees what enters and leaves at the border.
# - Every local pooling changes by about its own size at four or five pixels. Tolerance of *large* shifts comes from
#   depth, from the global pooling at the end, and from training on shifted pictures.
#
# Is it so on every photograph, or only on the mean?

# %%
one = {kind: changes[:, 1] for kind, changes in survey.items()}
print("max below no pooling on", int((one["max"] < one["no pooling"]).sum()), "of 10 photographs")
print("blur below max on      ", int((one["blur"] < one["max"]).sum()), "of 10")
print("max below average on   ", int((one["max"] < one["average"]).sum()), "of 10")

# %% [markdown]
# **Is it the blur, or the larger window?** A maximum of 2×2 and a blur of 3×3 behind it read 4×4 cells together. The
# fair rivals read as many, with the same stride of 2:

# %%
for kind, changes in pooling_experiments.footprint_survey().items():
    print(f"{kind:17} 1 pixel {changes[:, 1].mean():4.0%}")

# %% [markdown]
# At an equal footprint the blur is *not* ahead: much of what it gains here comes from reading more cells, and a plain
# maximum of 4×4 changes even less. What sets them apart is what becomes of a lone peak of height 1:

# %%
peak = np.zeros((1, 12, 12, 1))
peak[0, 5, 5] = 1
for kind, pooled in (
    ("max 4×4", vectorized.max_pool2d(peak, 4, stride=2)),
    ("average 4×4", vectorized.avg_pool2d(peak, 4, stride=2)),
    ("max 2×2 and blur", variants.max_blur_pool2d(peak, 2)),
):
    print(f"{kind:17} outputs, largest first: {np.sort(pooled.ravel())[:-5:-1].round(2).tolist()}")

# %% [markdown]
# The large maximum spreads the peak at full height over four outputs and drowns weaker neighbours; the average
# flattens it to a sixteenth; the blur keeps more than half of it at one place. And the survey says nothing about
# which of them classifies better: it measures maps, not decisions.

# %% [markdown]
# **Play.** All seven side by side on one feature map. Slide the picture and watch which maps flicker. Click an output
# cell, or walk with the arrow keys: its window and its gradient appear. Find out: what happens to the two averages
# when the padding is 0? Which picture has the most ties? The strided convolution starts with mixed weights, 0.9 in
# the middle and from -0.5 to 0.3 around it; what becomes of it when all nine are 1/9? Set *Error of 1 at* to *every
# output*: under max pooling, where do the errors pile up?

# %%
PoolingBench(shift=1)

# %% [markdown]
# > [!SAY] Is max pooling translation invariant?
# > Only locally and approximately. Inside a window the peak may move freely, but the windows stand on a fixed grid: a
# > shift by one pixel can carry a peak across an edge and change the output. 0 0 1 1 0 0 1 1 with window and stride 2
# > gives 0 1 0 1; shifted by one it gives 1 1 1 1. The reason is subsampling without a low-pass filter, a blur. Blur
# > pooling reduces it; global pooling comes close to invariance.

# %% [markdown]
# ## What pooling buys and what it loses
#
# **It buys**
#
# - **Less work and memory**: 2×2 with stride 2 leaves a quarter of the cells to every later layer.
# - **A larger receptive field**: behind it, one step on the map is two steps on the picture (chapter 04).
# - **Some tolerance of shifts and small deformations**, for no parameters.
# - **A fixed-size vector** from any input, if it is global or adaptive.
#
# **It loses**
#
# - **Position and detail.** After five poolings a cell stands for 32×32 pixels. Segmentation, detection of small
#   objects and keypoints suffer; decoders, skip connections and RoI Align, which reads a
#   region of the map at exact positions between the cells (chapter 11), exist to repair it.
# - **Relations between parts**: that a mouth is *below* the nose is coarser after each pooling, and gone after a
#   global one.
# - **Three quarters of the responses** (max), and of the gradient's paths: through cells that do not win, no gradient
#   reaches the kernels.
# - **Shift consistency**: strided pooling aliases.
# - It is fixed: nothing is learned about *how* to shrink.
#
# **What happens if you remove pooling altogether?** Count it, for the model of chapter 00: a
# picture of 64×64×3; 3×3 convolution to 32 maps, 2×2 pooling; 3×3 convolution to 64 maps, 2×2 pooling; flatten, dense
# 128, dense 10.

# %%
with_pooling = shapes.count_conv_macs(62, 3, 3, 32) + shapes.count_conv_macs(29, 3, 32, 64)
without = shapes.count_conv_macs(62, 3, 3, 32) + shapes.count_conv_macs(60, 3, 32, 64)
print(f"multiply-adds of the convolutions: {with_pooling:,} with pooling, {without:,} without")
dense_with, dense_without = 14 * 14 * 64 * 128, 60 * 60 * 64 * 128
print(f"weights of the first dense layer:  {dense_with:,} with pooling, {dense_without:,} without")
print(f"factors without pooling:           {without / with_pooling:.1f} and {dense_without / dense_with:.1f}")
conv, pool = (3, 1, 0, 1), (2, 2, 0, 1)  # kernel, stride, padding, dilation
fields = [shapes.receptive_field(net).size for net in ([conv, pool, conv, pool], [conv, conv])]
print(f"receptive field of the last map:   {fields[0]} pixels with pooling, {fields[1]} without")

# %% [markdown]
# Resolution stays high: 3.7 times the multiply-adds and 18 times the weights in the first dense layer, and the
# receptive field grows slowly; small shifts are no longer forgiven. In exchange, detail is kept, which is wanted
# where the output is a picture. What takes its place:
#
# | instead of strided max or average pooling | what it does | where |
# |---|---|---|
# | strided convolution | learns how to shrink | ResNet, DCGAN, all-convolutional nets |
# | dilated convolution | sees far without shrinking | segmentation, audio |
# | blur pooling | shrinks without aliasing | shift-consistent classifiers |
# | global or adaptive pooling | one number (or a fixed grid) per map | heads of classifiers |
# | spatial pyramid, RoI pooling | a fixed grid from a region of any size | detection |
# | attention pooling | a weighted mean whose weights depend on the data | transformers |
#
# **Is pooling a regulariser?** Not in the first place. Dropout, augmentation, weight decay and early stopping are
# there to prevent overfitting; pooling is there to shrink maps, and what it does against overfitting is a
# by-product of smaller layers behind it.
#
# > [!INTERVIEW] Which parts make a classifier tolerant of shifts?
# > Shared kernels make it *equivariant*: the response moves along. Pooling and strides drop small differences of
# > position, imperfectly. Global pooling drops the rest; a dense layer on flattened maps must *learn* to ignore
# > position, from shifted pictures in training. The result is approximate; measure it.
#
# > [!SAY] Why is pooling used, and what are its drawbacks?
# > Pooling summarises neighbourhoods: smaller maps, less compute, a larger receptive field, some tolerance of
# > shifts, no parameters. It throws away position and detail, aliases when strided, and sends gradients to few
# > cells. Strided convolutions learn the shrinking instead, dilation avoids it, blur pooling reduces the aliasing,
# > and global average pooling is the standard head.

# %%
drill("pooling-is-for")

# %%
drill("explain-pooling-drawbacks")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. One number for each window and channel: the largest, or the mean. The size formula is that of a convolution;
#    channels stay; no parameters.
# 2. Windows partition the map only if stride = window and the windows fill the map; 3×3 with stride 2 overlaps, and
#    there gradients *add up*.
# 3. Max sends each error to one cell (at a tie, to one of them), average to all in equal parts.
# 4. Max pooling forgives a shift inside a window only: 0 0 1 1 0 0 1 1 and the same signal moved by one give
#    different outputs. Blur before you subsample.
# 5. Global average pooling: one number per map, no parameters, any input size; the place is lost.
#
# | Formula | |
# |---|---|
# | $\lfloor (n + p_\text{before} + p_\text{after} - P)/s \rfloor + 1$ | output size, per axis; channels unchanged |
# | $\lceil P/s \rceil^2$ | most windows that read one cell |
# | $c\, h' w'\, P_H P_W$ | cells read; $P_H P_W - 1$ comparisons or additions an output |
# | $1/(P_H P_W)$, or 1 / (cells inside) | share of a cell in an average; the denominator at the border |
# | $(\sum \lvert x\rvert^q)^{1/q}$ | Lp pooling: 1 is the sum of absolute values, 2 is L2, ∞ their maximum |
# | $(C + 1) \cdot \text{classes}$ against $(H W C + 1) \cdot \text{classes}$ | dense head after GAP, after flatten |
# | maximum at stride 1 → $(1,2,1)/4$ → stride $s$ | blur pooling |

# %% [markdown]
# ## More drills
#
# The cards above belong to their sections; these mix them. `python -m cnnkit drill` in a terminal has the whole
# deck.

# %%
drill("average-gradient-by-hand")

# %%
drill("pooling-cost-formula")

# %% [markdown]
# **Find the bug.** Both pass a careless test.

# %%
drill("bug-max-starts-at-zero")

# %%
drill("bug-average-overwrites")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("explain-max-against-average")

# %%
drill("explain-global-average")

# %%
drill("explain-blur-pooling")

# %% [markdown]
# ## Sources
#
# - LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition* (1998): subsampling
#   layers, an average with a trainable coefficient and bias per map.
# - Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* (2012), section
#   3.4: overlapping pooling, 3×3 with stride 2.
# - Sermanet, Chintala, LeCun, *Convolutional Neural Networks Applied to House Numbers Digit Classification* (2012):
#   Lp pooling.
# - Lin, Chen, Yan, *Network In Network* (2013), section 3.2: global average pooling.
# - Zhou, Khosla, Lapedriza, Oliva, Torralba, *Learning Deep Features for Discriminative Localization* (2016): class
#   activation maps.
# - Springenberg, Dosovitskiy, Brox, Riedmiller, *Striving for Simplicity: The All Convolutional Net* (2014):
#   pooling replaced by strided convolution.
# - Zhang, *Making Convolutional Networks Shift-Invariant Again* (2019), sections 3.1 and 3.2: the signal 0 0 1 1 0
#   0 1 1, blur pooling.
# - Azulay, Weiss, *Why do deep convolutional networks generalize so poorly to small image transformations?* (2019):
#   subsampling and shifts.
# - The course's text, *Deep Dive Section 2*: the two formulas and the missing picture of max against average
#   pooling; it says that pooling partitions the map and detects a feature regardless of its location, both of which
#   hold only with the conditions given here.
