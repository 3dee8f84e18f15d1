# %% [markdown]
# # Chapter 01. Convolution: one small window, moved everywhere
#
# **After this chapter you can answer**
#
# 1. What does a convolutional layer compute, and is it really a *convolution*?
# 2. A 63×63×16 volume meets 32 filters of size 7×7 with stride 2. What comes out, with how many parameters and
#    multiply-adds?
# 3. Is a convolutional layer translation *invariant*?
# 4. Write `conv2d` in NumPy. Now without the loops. What did you pay for the speed?
# 5. What is a 1×1 convolution good for? And a depthwise-separable one?
# 6. Is a convolutional layer a special case of a dense layer?
#
# **Time** 60 minutes to read and play, 40 more for the drills.
#
# **Builds on** chapter 00 for the overview. You need sums, matrices and a little Python; nothing about networks.
#
# Run the cells from top to bottom with Shift+Enter. Where it says *Predict*, write your answer down before you run on:
# a guess that turns out wrong is remembered far longer than a sentence that was only read.

# %%
import timeit

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnkit import data, explain, famous_kernels, figures, layout, shapes
from cnnkit.drills import drill
from cnnkit.kernels import linear, loops, parallel, vectorized
from cnnkit.widgets import KernelLab, Stepper

# %% [markdown]
# ## One window, one number
#
# **Question.** A photograph is a grid of numbers. How does a network find a vertical edge in it, wherever that edge is?
#
# **Intuition.** Take a transparent card of 3×3 cells, write a *weight* into each, and lay it on the grid. It covers a
# *window* of 3×3 numbers. Multiply each number by the weight above it and add everything up: one window gives one number.
# Then move the card by one cell and do the same again. The card is called the **kernel** (or filter), the
# grid of results is called the **feature map**.

# %%
x = np.array(
    [[3, 0, 1, 2, 7], [1, 5, 8, 9, 3], [2, 7, 2, 5, 1], [0, 1, 3, 1, 7], [4, 2, 1, 6, 2.0]],
)
w = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1.0]])

# %% [markdown]
# This kernel subtracts the right column of a window from its left column. It answers with a large number where the
# left side is brighter, with a large negative number where the right side is, and with zero where the window is flat.
#
# **Predict.** The window in the top left corner holds 3 0 1 / 1 5 8 / 2 7 2. Which number does it give?

# %%
print(explain.window_sum(x, w, 0, 0))

# %% [markdown]
# **Formula.** With $i, j$ for the position in the output and $m, n$ for the position in the kernel, rows and columns
# counted from 0:
#
# $$y_{i,j} \;=\; \sum_{m=0}^{K_H-1} \sum_{n=0}^{K_W-1} x_{i+m,\; j+n} \cdot w_{m,n} \;+\; b$$
#
# $b$ is the **bias**: one number for the whole kernel, added to every output. Here it is 0. The picture shows the
# window of output (1, 2); its nine products stand in the third grid.

# %%
y = vectorized.conv2d(x[..., None], w[..., None, None])[..., 0]
at = (1, 2)
caption = f"Row 1, column 2 gives {y[at]:.0f}. A 5×5 input and a 3×3 kernel leave a 3×3 output."
figures.show(figures.draw_window_sum, x, w, y, at, caption=caption, size=(9, 2.6))

# %% [markdown]
# **The literal loops.** Four loops, one for each index of the formula. If an interviewer asks for a convolution, begin
# with these lines; nobody ever lost points for being right first.


# %%
def correlate(x, w):
    rows, columns = x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            for m in range(w.shape[0]):
                for n in range(w.shape[1]):
                    y[i, j] += x[i + m, j + n] * w[m, n]
    return y


# %% [markdown]
# **The vectorised code.** `sliding_window_view` shows every window without copying one number: its result has four axes,
# `(i, j, m, n)`. Multiplying by the kernel and adding over `m` and `n` is one `einsum`, which reads like the formula.

# %%
windows = sliding_window_view(x, w.shape)
y_fast = np.einsum("ijmn,mn->ij", windows, w)
print("windows:", windows.shape, "- both agree:", np.array_equal(correlate(x, w), y_fast))

# %% [markdown]
# **Play.** Slide the kernel with the mouse or the arrow keys. Every product and the sum are shown. Try the presets, the
# stride, and the flip switch (the next section says what it is). With *predict* on, the answer stays hidden until you
# have typed yours.

# %%
Stepper()

# %% [markdown]
# > [!MISTAKE] `window @ w`
# > The kernel is multiplied cell by cell: `(window * w).sum()`. A matrix product is something else.

# %%
drill("correlation-by-hand")

# %% [markdown]
# A large number in the feature map says: *here is what this kernel looks for*. It does not say that the spot is bright.
# A kernel on an all-zero window gives 0 whatever its weights are (plus the bias).

# %% [markdown]
# ## Cross-correlation or convolution?
#
# **Question.** What we just did is called *cross-correlation* in mathematics. What is a convolution then, and why do all
# frameworks use the other word?
#
# **Intuition.** A convolution first turns the kernel upside down *and* left to right (a rotation by 180°), then does the
# same as above. Let a single bright pixel show the difference.
#
# **Predict.** The kernel holds 1 to 9 in reading order. In which order do they come out around the pixel, in
# cross-correlation, and in convolution?

# %%
impulse = np.zeros((5, 5))
impulse[2, 2] = 1
count = np.arange(1.0, 10).reshape(3, 3)
correlated = correlate(np.pad(impulse, 1), count)
convolved = correlate(np.pad(impulse, 1), count[::-1, ::-1])

# %%
caption = (
    f"Cross-correlation stamps the kernel turned by 180° (first number {correlated[1, 1]:.0f}); "
    f"convolution stamps it as it is (first number {convolved[1, 1]:.0f})."
)
panels = (impulse, count, correlated, convolved)
figures.show(figures.draw_flip, *panels, caption=caption, size=(9, 2.6))

# %% [markdown]
# **Formula.** The convolution runs through the input in the opposite direction ($x$ is 0 outside the image):
#
# $$(x * w)_{i,j} = \sum_m \sum_n x_{i-m,\; j-n} \cdot w_{m,n}
# \qquad\text{against}\qquad (x \star w)_{i,j} = \sum_m \sum_n x_{i+m,\; j+n} \cdot w_{m,n}$$
#
# NumPy has both in one dimension, under their mathematical names:

# %%
signal, taps = np.array([2.0, 1, 2, 3, 1, 0]), np.array([1.0, -1, 2])
print("np.correlate:", np.correlate(signal, taps, "valid"))
print("np.convolve: ", np.convolve(signal, taps, "valid"))
print("flip first:  ", np.correlate(signal, taps[::-1], "valid"))

# %% [markdown]
# Why does deep learning not care? The weights are *learned*. If the layer flipped its kernels, training would find the
# flipped weights and the network would compute exactly the same. What is lost is algebra: convolution is commutative ($x * w = w * x$) and
# associative ($(x * v) * w = x * (v * w)$), cross-correlation is neither.
#
# > [!FRAMEWORKS] Who flips?
# > PyTorch, Keras, TensorFlow, ONNX and OpenCV's `filter2D` do not flip. `scipy.signal.convolve` and `numpy.convolve` do.
# > It matters when you carry a hand-made kernel (or weights from a signal-processing library) from one to the other.
# > A kernel that is equal to its own 180° turn, such as a Gaussian, gives the same with both.
#
# > [!SAY] Is a CNN's convolution a convolution?
# > Strictly no: frameworks compute a cross-correlation, because they do not flip the kernel. Since the weights are
# > learned, the flip would only store the same weights in another order, so the name stuck. I have to remember it
# > when I port fixed kernels, and in backpropagation: there the gradient with respect to the input
# > is a true convolution, that is, a cross-correlation with the flipped kernel.

# %%
drill("convolution-by-hand")

# %% [markdown]
# ## Padding, stride and the output size
#
# **Question.** Along one axis, a window of 3 cells fits into 5 cells at three places only. What if the output should be as large as the input?
# Or much smaller?
#
# **Padding** puts $p$ zeros around the input, so that the window may hang over the edge. **Stride** $s$ moves the window
# by more than one cell at a time. **Dilation** $d$ spreads the kernel's cells apart: a kernel of $K$ taps then spans
# $d(K-1)+1$ cells with the same number of weights. Chapter 02 takes the three apart; here is what you need today.
#
# **Formula.** Along each axis on its own:
#
# $$n_\text{out} = \left\lfloor \frac{n + p_\text{before} + p_\text{after} - \big(d(K-1)+1\big)}{s} \right\rfloor + 1$$
#
# Read it aloud: *how far can the window travel, in steps of s, and one more for where it starts.* The brackets round
# down, because a step that would leave the input is not taken.
#
# **Predict.** 6 cells, a kernel of 3, stride 2, one zero on each side. How many outputs? Is any cell never read?

# %%
size = shapes.conv_output_size(6, 3, stride=2, padding=1)
caption = f"Six cells, one zero on each side: {size} windows of 3 at stride 2. The last zero is never read."
figures.show(figures.draw_stride, 6, 3, 2, (1, 1), size, caption=caption, size=(7, 2.3))

# %% [markdown]
# The formula gives $\lfloor (6+2-3)/2 \rfloor + 1 = \lfloor 2.5 \rfloor + 1 = 3$. The same function answers the classic
# whiteboard questions; check them by hand first:

# %%
print("63 cells, kernel 7, stride 2      ->", shapes.conv_output_size(63, 7, stride=2))
print("1024 cells, kernel 3              ->", shapes.conv_output_size(1024, 3))
print(
    "227 cells, kernel 11, stride 4    ->",
    shapes.conv_output_size(227, 11, stride=4),
    "(AlexNet's first layer)",
)

# %% [markdown]
# Height and width never mix. An 8×8 input, kernel (3, 5), padding (0, 1), stride (3, 4): height
# $\lfloor (8-3)/3 \rfloor + 1 = 2$, width $\lfloor (8+2-5)/4 \rfloor + 1 = 2$. One shape from the library, to be sure:

# %%
loops.conv2d(np.ones((8, 8, 1)), np.ones((3, 5, 1, 1)), stride=(3, 4), padding=(0, 1)).shape

# %% [markdown]
# > [!MISTAKE] Rounding up, or forgetting the + 1
# > The division rounds *down*, and the + 1 counts the first window. 'Valid' padding shrinks an axis by $K-1$ only at
# > stride 1 and dilation 1, and 'same' padding is $d(K-1)/2$ on each side only for odd $K$ at stride 1.
#
# Why dilate at all? A 3-tap kernel with dilation 4 spans 9 cells and reads three of them: a wider view at full resolution,
# with no pooling, no stride and no further parameters. Segmentation (DeepLab) and audio (WaveNet) live on it. The price is the
# gaps between the taps: with equal rates in a row, each output reads only a coarse grid of cells, and its neighbour reads another
# (*gridding*).

# %%
drill("conv-output-size")

# %% [markdown]
# ## Channels: many in, many out
#
# **Question.** A colour photograph has three numbers in every cell. How many weights does a 3×3 filter have then?
#
# **Intuition.** The kernel becomes a small *block*: 3×3 cells, as deep as the input has channels, 27 weights here. The window is
# a block too. Multiply cell by cell, add *everything* up: still one number. The filter slides along height and width only,
# never along the channels, and that is why it must be exactly as deep as its input.

# %%
photo = data.photo("coffee", size=128)
patch = photo[26:29, 23:26]
block = np.zeros((3, 3, 3))
block[..., 0], block[..., 2] = w, -w
bias = 0.5
total = (patch * block).sum() + bias

# %%
caption = f"Three partial sums (of the unrounded values) and the bias: {total:.2f}, one number of the map."
figures.show(figures.draw_channel_sums, patch, block, bias, caption=caption, size=(6, 6))

# %% [markdown]
# One filter gives one feature map. A layer has $C_\text{out}$ filters side by side, so its output has $C_\text{out}$
# channels: *the number of filters is the depth of the output, the depth of each filter is the depth of the input.* The stacked
# maps are the input of the next layer, whose filters are as deep as the stack.
#
# **Formula.** The one that the rest of the course uses, with stride $s$, dilation $d$ and the padded input $\tilde{x}$:
#
# $$z_{i,j,k} = b_k + \sum_{c=0}^{C_\text{in}-1} \sum_{m=0}^{K_H-1} \sum_{n=0}^{K_W-1}
# \tilde{x}_{\,i s + m d,\; j s + n d,\; c} \cdot w_{m,n,c,k} \qquad k = 0 \ldots C_\text{out}-1$$
#
# $\tilde{x}$ matters: with padding, the indices run over the *padded* input. (Many texts write plain $x$ there, and count
# the filters from 1 in one line and from 0 in the next.) The library has this formula three times under one name. Put
# `??` behind a name in a cell of your own to read it:
#
# - `loops.conv2d`: the formula as Python loops, the slow version that checks the others;
# - `vectorized.conv2d`: windows and one tensor product, what you show in an interview;
# - `parallel.conv2d`: compiled loops on all cores, what the widgets run.

# %%
rng = np.random.default_rng(1)
images, filters = rng.normal(size=(2, 9, 8, 3)), rng.normal(size=(3, 2, 3, 5))
biases = rng.normal(size=5)
options = {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
modules = (loops, vectorized, parallel)
results = [module.conv2d(images, filters, biases, **options) for module in modules]

# %%
print("shapes:", [result.shape for result in results])
print("largest difference below 1e-12:", max(np.abs(r - results[0]).max() for r in results) < 1e-12)

# %% [markdown]
# > [!FRAMEWORKS] Two layouts
# > This course, TensorFlow and Keras keep images as **NHWC** (batch, height, width, channels) and weights as **HWIO**
# > (`w[m, n, c, k]`). PyTorch and ONNX keep **NCHW** and **OIHW**: input `(N, C_in, H, W)`, weight
# > `(C_out, C_in / groups, K_H, K_W)` (groups: section *1×1, grouped and depthwise-separable*), bias `(C_out,)`. `cnnkit.layout` converts; an axis in the wrong place is a very
# > common bug when weights move between frameworks.

# %%
print("HWIO", filters.shape, "-> OIHW", layout.hwio_to_oihw(filters).shape)
print("NHWC", images.shape, "-> NCHW", layout.nhwc_to_nchw(images).shape)

# %% [markdown]
# > [!MISTAKE] 'A 3×3 filter has nine weights'
# > Only on a one-channel image. On 64 channels it has 576. Saying "3×3×C_in" aloud every time protects you.

# %%
drill("multi-channel-sum")

# %% [markdown]
# ## Parameters and multiply-adds
#
# **Question.** How large is a layer, and how much work does it do? Two different numbers, and interviewers ask for both.
#
# - **Parameters** are stored once, because every position uses the same weights (*weight sharing*):
#   $\;C_\text{out} \cdot (K_H K_W C_\text{in} + 1)$. The + 1 is the bias of each filter. Height, width, stride and padding
#   do not appear. (A layer that is followed by batch normalisation drops its bias: the normalisation brings a shift of its own.)
# - **Multiply-adds** (MACs) are paid at every output position: $\;H_\text{out} W_\text{out} \cdot C_\text{out} \cdot
#   K_H K_W C_\text{in}$. With $g$ groups, divide $C_\text{in}$ by $g$ in both.
#
# **Predict.** 32 filters of 7×7 with stride 2 on a 63×63×16 volume: shape, parameters, multiply-adds?

# %%
print("output     29 x 29 x 32, as 63 cells give", shapes.conv_output_size(63, 7, stride=2))
print(f"parameters {shapes.count_conv_params(7, 16, 32):,}")
print(f"MACs       {shapes.count_conv_macs(29, 7, 16, 32):,}")

# %% [markdown]
# A dense layer between the same two volumes has one weight for *every pair* of an input and an output cell:
# $(HWC_\text{in} + 1) \cdot H'W'C_\text{out}$. A single unit (one output number, also called a neuron) on
# a 224×224×3 photograph already needs 150,528 weights. Compare
# the first layer of VGG-16, which maps 224×224×3 to 224×224×64:

# %%
dense = shapes.count_dense_params(224 * 224 * 3, 224 * 224 * 64)
shared = shapes.count_conv_params(3, 3, 64)
costs = {"dense": dense, "convolution 3×3": shared}
caption = f"The same shapes: {dense:,} parameters dense, {shared:,} as a convolution."
figures.show(figures.draw_cost_bars, costs, unit="parameters", caption=caption, size=(8, 1.7))

# %% [markdown]
# What weight sharing buys: less memory, less to overfit, and one detector that works everywhere (next section). What it
# costs: the layer cannot treat one place differently from another.
#
# AlexNet's first layer is a favourite: 227×227×3 in, 96 filters of 11×11, stride 4. Its output is 55×55×96 = 290,400 units; it
# has 34,848 weights and 96 biases, and **105,415,200 connections** (one for each multiply-add). In that network, as in most classic ones, the
# weights live in the dense layers and the work is done in the convolutions.

# %%
print(f"{55 * 55 * 96:,} units")
print(f"{shapes.count_conv_params(11, 3, 96):,} parameters")
print(f"{shapes.count_conv_macs(55, 11, 3, 96):,} multiply-adds")

# %% [markdown]
# > [!INTERVIEW] MAC or FLOP?
# > One multiply-add is two floating-point operations. Papers are careless: when somebody says "VGG-16 has 15.5 GFLOPs"
# > they mean 15.5 G *multiply-adds*. Say which one you count. Adding the biases costs $H_\text{out} W_\text{out} C_\text{out}$
# > more and is usually left out.

# %%
drill("conv-parameters")

# %%
drill("conv-macs")

# %% [markdown]
# ## Equivariance, not invariance
#
# **Question.** "CNNs are translation invariant." Is a single convolutional layer?
#
# Two words to keep apart, for a layer $f$ and a shift $T$:
#
# - **equivariant**: $f(Tx) = T f(x)$. Shift the input, and the output shifts along.
# - **invariant**: $f(Tx) = f(x)$. Shift the input, and the output does not change at all.
#
# **Predict.** We shift the photographer by 40 pixels down and 60 to the right and look for vertical edges. Which is it? (What leaves
# on one side comes back on the other; the comparison keeps away from that seam and from the border.)

# %%
camera = data.photo("camera", mode="gray")
sobel = famous_kernels.sobel_x().astype(np.float32)[..., None, None]
moved = np.roll(camera, (40, 60), axis=(0, 1))
edges = parallel.conv2d(camera[..., None], sobel, padding="same")[..., 0]
edges_moved = parallel.conv2d(moved[..., None], sobel, padding="same")[..., 0]

# %%
inside = (slice(50, -50), slice(70, -70))
follows = np.roll(edges, (40, 60), axis=(0, 1))
print("f(Tx) against T f(x), away from the border:", np.abs(edges_moved - follows)[inside].max())
print(f"f(Tx) against f(x): {np.abs(edges_moved - edges)[inside].max():.2f}")

# %%
pictures = [camera, edges, moved, edges_moved]
names, cmaps = ["x", "f(x)", "shifted: Tx", "f(Tx) = T f(x)"], ["gray", "signed"] * 2
caption = "Shifted by 40 down and 60 right, the photograph takes its map along: equivariance, not invariance."
figures.show(figures.draw_gallery, pictures, names, cmaps=cmaps, caption=caption, size=(9, 2.6))

# %% [markdown]
# Equivariance follows from weight sharing: the same kernel asks the same question everywhere. It has limits, and each is
# an interview question.
#
# - **The border.** Padding zeros do not move along, so the outermost rows differ.
# - **Stride.** With stride 2 the output can only follow shifts by an even number of pixels:


# %%
def strided_edges(image):
    return parallel.conv2d(image[..., None], sobel, stride=2, padding="same")[..., 0]


halved = strided_edges(camera)
for shift in (1, 2):
    after = strided_edges(np.roll(camera, shift, axis=1))
    gaps = [np.abs(np.roll(halved, step, axis=1) - after)[:, 5:-5].max() for step in (0, 1)]
    print(f"shifted by {shift}: the best-matching shift still differs by up to {min(gaps):.2f}")

# %% [markdown]
# - **Other movements.** A convolution is equivariant to *translation* only, not to rotation, scaling or mirroring. A kernel
#   for vertical edges does not answer to the same edge laid flat. Transposing the image shows it: the answer now comes from
#   the transposed kernel.

# %%
turned = parallel.conv2d(camera.T[..., None], sobel, padding="same")[..., 0]
sobel_t = sobel.transpose(1, 0, 2, 3)
other = parallel.conv2d(camera[..., None], sobel_t, padding="same")[..., 0]
print("edges of the transposed photo = transposed edges:", np.allclose(turned, edges.T, atol=1e-5))
print("= transposed answer of the transposed kernel:", np.allclose(turned, other.T, atol=1e-5))

# %% [markdown]
# Where then does the invariance of a *classifier* come from? From throwing positions away: pooling and strides forget
# small shifts, a global pooling (or the classifier on top) forgets the rest, and training on shifted copies teaches the
# remainder. It is only ever approximate; chapter 03 measures how much.
#
# And when is it unwanted? When the place carries the meaning: the left and the right lung, the sky above the road, a
# field on a form, a square of a chess board. Remedies: extra channels that hold the coordinates of each pixel, layers without weight sharing
# (*locally connected*), or a classifier that still sees the whole map instead of its average.
#
# A small exercise in all this: the kernel $[1, -1]$ on an image with a *diagonal* edge. It answers all along the edge, because the
# brightness changes from left to right there. Transpose the image, and the mirrored diagonal answers just as well. Transpose the
# *kernel*, and it measures the change from top to bottom, which a diagonal edge has too; only a vertical edge would now stay silent.
#
# > [!SAY] Is a CNN translation invariant?
# > A convolutional layer is translation *equivariant*: shift the input and the feature map shifts along, because the same
# > weights are used everywhere. Invariance appears when positions are thrown away, by pooling, global averaging or the
# > classifier, and it is approximate, since borders and strides break it. Rotation and scale are not covered at all.

# %%
drill("equivariance-or-invariance")

# %% [markdown]
# ## Famous kernels
#
# **Question.** Before networks learned kernels, people designed them. Which ones should you recognise?

# %%
shown = {name: kernel for name, kernel in famous_kernels.PRESETS.items() if name != "identity"}
caption = (
    "Kernels that sum to 1 keep the brightness (blur, sharpen, emboss); those that sum to 0 are "
    "blind to flat areas."
)
figures.show(figures.draw_kernels, shown, caption=caption, size=(9, 5))

# %% [markdown]
# Two sums tell you most about a kernel. If its weights **sum to 1**, flat regions keep their value: a blur (all
# positive), a sharpening (the image plus a multiple of *image minus blur*) or an emboss. If they **sum to 0**, flat regions give 0: it
# looks for change. Sobel answers to a slope in one direction, with plus where the right side (or the lower one) is brighter, opposite
# to our first kernel; the Laplacian to a bend in any direction; Gabor, a striped patch under a Gaussian bell, to stripes of its own
# width and direction. A top edge, dark above and bright below, is found by $[[-1,-1,-1],[0,0,0],[1,1,1]]$.
#
# **Predict.** Which of the kernels above will show the tripod best? Which will make the grass noisy?

# %%
chosen = ["Gaussian blur", "sharpen", "Sobel x", "Sobel y", "Laplacian", "emboss", "Gabor"]
kernels = [famous_kernels.PRESETS[name].astype(np.float32)[..., None, None] for name in chosen]
maps = [parallel.conv2d(camera[..., None], kernel, padding="same")[..., 0] for kernel in kernels]
kinds = ["gray", "gray", "signed", "signed", "signed", "gray", "signed"]

# %%
caption = (
    "Blue is negative, orange positive. The 3 kernels that amplify differences (sharpen, Laplacian, "
    "emboss) roughen the grass. Lines along the border are false edges: zeros look like a black frame."
)
pictures = [camera, *(m.clip(0, 1) if kind == "gray" else m for m, kind in zip(maps, kinds))]
names, cmaps = ["photograph", *chosen], ["gray", *kinds]
figures.show(figures.draw_gallery, pictures, names, cmaps=cmaps, caption=caption, size=(9, 4.8))

# %% [markdown]
# **Play.** Edit any kernel, pick a preset, load a photo of your own, and point at a pixel of the result to see its window
# and its products. Find out: what do you see if you multiply all weights by −1? If you multiply the Laplacian by −1 and
# then add 1 to its middle? If you turn a Gabor kernel by 45°?

# %%
KernelLab()

# %% [markdown]
# The first layer of a trained network learns kernels much like these: edges, colour blobs, Gabor-like stripes. They are easy
# to read because they act on pixels directly. A kernel of layer five acts on 256 feature maps and has no such picture; there
# one looks at the patches that excite it most.

# %%
drill("top-edge-kernel")

# %% [markdown]
# ## Separable kernels
#
# **Question.** A 15×15 blur costs 225 multiplications for every pixel. Is there a cheaper way to the same result?
#
# **Intuition.** Blur along the rows first, then along the columns. If a kernel is a column times a row, the two short
# passes give exactly what the square one gives: $2K$ multiplications instead of $K^2$.

# %%
column, row = np.array([1.0, 2, 1]), np.array([-1.0, 0, 1])
caption = "Sobel x: a small blur down the column times a difference along the row. 6 weights instead of 9."
figures.show(figures.draw_outer_product, column, row, caption=caption, size=(6, 2.2))

# %% [markdown]
# **Check**, on the small example from above: one pass with the row, one with the column, against the square kernel.

# %%
two_passes = correlate(correlate(x, row[None, :]), column[:, None])
print("same result:", np.array_equal(two_passes, correlate(x, np.outer(column, row))))

# %% [markdown]
# Which kernels can be split? Those of **rank 1**: all rows are multiples of one row. The singular value decomposition tells you the
# rank, and it gives one pair of passes for each. (For a 3×3 kernel of rank 2 that saves nothing: 2 · 2 · 3 = 12 weights instead of 9.)

# %%
for name, kernel in famous_kernels.PRESETS.items():
    print(f"{name:14} rank {np.linalg.matrix_rank(kernel, tol=1e-10)}")

# %% [markdown]
# **Stacking is the same idea in reverse.** Two convolutions with nothing between them are *one* convolution: its kernel is the
# convolution of the two, of size $K_1 + K_2 - 1$ at stride 1 (with channels, summed over the middle ones). Two 3×3 layers
# see 5×5. In one dimension, for two kernels $w$ and $v$:
#
# $$\sum_n v_n \Big(\sum_m w_m\, x_{i+n+m}\Big) = \sum_r \Big(\sum_m w_m\, v_{r-m}\Big)\, x_{i+r}
# \qquad r = m + n = 0 \ldots K_1 + K_2 - 2$$
#
# The inner sum is one new kernel, the *convolution* of the two. However many such layers are stacked, they remain one linear map, and a
# classifier on top can only draw straight boundaries. An activation between the layers is what lets depth describe curved ones.
#
# The converse is false: with one channel in the middle, two 3×3 kernels have at most 18 free numbers and a 5×5 kernel has 25, so most
# 5×5 kernels cannot be split.

# %%
first, second = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
joint = correlate(np.pad(first, 2), second[::-1, ::-1])
board = rng.normal(size=(8, 8))
stacked = correlate(correlate(board, first), second)
print("kernel", joint.shape, "- same result:", np.allclose(stacked, correlate(board, joint)))

# %%
drill("stacked-linear-convolutions")

# %% [markdown]
# ## Convolution as a matrix
#
# **Question.** Is a convolutional layer a special case of a dense layer?
#
# **Intuition.** Every output is a weighted sum of inputs, and so is every output of a dense layer. Write the 3×3 input as a
# column of 9 numbers; a 2×2 kernel gives 4 outputs, so the layer is a 4×9 matrix.
#
# **Predict.** Each row has nine entries. How many of them are zero?

# %%
small_x, small_w = x[:3, :3], np.array([[1.0, 2], [3, -1]])
matrix = linear.toeplitz_matrix(small_w[..., None, None], (3, 3))
result = correlate(small_x, small_w)
print("same result:", np.array_equal(matrix @ small_x.ravel(), result.ravel()))

# %%
caption = (
    "Each row holds the four weights, moved by one cell, or by two where the window starts a new line. "
    f"The other {(matrix == 0).sum()} of the {matrix.size} entries are zero."
)
figures.show(figures.draw_toeplitz, matrix, small_x, result, caption=caption, size=(7.5, 4))

# %% [markdown]
# Two constraints turn the dense layer into the convolution:
#
# 1. **Locality**: an output may see its window only, so most entries are forced to zero (the matrix is *banded*).
# 2. **Weight sharing**: the remaining entries are tied. Within each block and from block to block the diagonals repeat (a *doubly block
#    Toeplitz* matrix).
#
# So yes: every convolution is a dense layer with a sparse, tied matrix; the converse is false. A dense layer of this shape has 36 free
# weights, the convolution 4. In one dimension, $x = [2,1,3,0,4,2]$ and $w = [1,0,-1]$ give $[-1,1,-1,-2]$: a 4×6 matrix with 3 distinct
# weights instead of 24. And no, this is not how it is
# computed: for a 224×224 photograph the matrix would have $50{,}176^2$ entries for a single channel, nearly all of them zero.
#
# The transposed matrix is useful, though. It carries gradients backwards (chapter 05), and as a layer it is called a
# *transposed convolution*: from 4 numbers back to 9. It restores the shape, not the values: with
# $T$ for the 4×9 matrix, $y = Tx$, and going back gives $T^\top T x$, where $T^\top T$ is not the identity.

# %%
back = loops.conv2d_transpose(result[..., None], small_w[..., None, None])[..., 0]
print("same as matrix.T @ y:", np.array_equal(back.ravel(), matrix.T @ result.ravel()))
print("gives x back:", np.allclose(back, small_x))

# %%
drill("toeplitz-shape")

# %% [markdown]
# ## im2col: how it is really computed
#
# **Question.** Nothing keeps a processor as busy as the product of two large dense matrices. How do we turn a convolution into one,
# without the zeros?
#
# **Intuition.** Write every window as a row. A layer is then (windows) × (weights): one matrix product for all positions
# and all filters. In the picture, three windows and their rows have the same frame.

# %%
corner = x[:4, :4]
rows = vectorized.im2col(corner[..., None], (3, 3))
caption = f"4×4 input, 3×3 kernel: {rows.shape[0]} windows become {rows.shape[0]} rows of {rows.shape[1]}."
figures.show(figures.draw_im2col, corner, 3, rows, caption=caption, size=(8.5, 2.8))

# %% [markdown]
# **Formula.** $\text{im2col}(x)$ has the shape $(N H_\text{out} W_\text{out},\; K_H K_W C_\text{in})$, the weights are
# flattened to $(K_H K_W C_\text{in},\; C_\text{out})$, and the product is the output with its first axes flattened:

# %%
rows = vectorized.im2col(images, (3, 2))
flat = rows @ filters.reshape(-1, 5) + biases
wanted = loops.conv2d(images, filters, biases)
print("im2col", rows.shape, "- same result:", np.allclose(flat.reshape(wanted.shape), wanted))

# %% [markdown]
# The number of multiply-adds is the same as before. It is fast because one tuned matrix product (the *GEMM* routine of a BLAS library)
# replaces Python loops. The price is memory: at stride 1 nearly every input number is copied $K_H K_W$ times, nine times for 3×3.
# `sliding_window_view` postpones the copy until the product; real libraries build the rows in small pieces that stay in cache
# (*implicit GEMM*) or use kernels that never build them. This is the whole function to write on a whiteboard:


# %%
def conv2d(x, w, b):
    windows = sliding_window_view(x, w.shape[:2], axis=(0, 1))
    return np.einsum("ijcmn,mnck->ijk", windows, w, optimize=True) + b


print("same result:", np.allclose(conv2d(images[0], filters, biases), wanted[0]))

# %% [markdown]
# And what is gained, on your machine, now:

# %% tags=["nbval-ignore-output"]
sample, bank = rng.normal(size=(32, 32, 3)), rng.normal(size=(3, 3, 3, 8))
slow = timeit.timeit(lambda: loops.conv2d(sample, bank), number=1)
fast = min(timeit.repeat(lambda: vectorized.conv2d(sample, bank), number=1, repeat=5))
print(f"loops take {slow / fast:,.0f} times as long as one matrix product")

# %% [markdown]
# > [!MISTAKE] Bugs that hand-written versions have
# > An output size without the floor, or off by one. Height and width swapped (square tests hide it: test 5×7 with a 3×2 kernel). NCHW mixed up
# > with NHWC in the reshape. The bias added along the wrong axis. Padding on the channel axis. The input changed in place.
# > im2col of a whole batch that does not
# > fit into memory; float64 by accident, at half the speed. Catch them with the plain loops as the reference, on small odd shapes, with
# > stride 2, and with a gradient check (chapter 05).

# %%
drill("conv2d-loops")

# %%
drill("conv2d-vectorised")

# %% [markdown]
# ## 1×1, grouped and depthwise-separable
#
# **Question.** A layer mixes neighbouring *cells* and it mixes *channels*. Must one operation do both?
#
# - **1×1 convolution**: mixes channels only. At each pixel it is a small dense layer, the same one everywhere. It changes the
#   number of channels cheaply (a *bottleneck* reduces them before an expensive layer, as in Inception and ResNet) and adds a non-linearity when an activation follows.
# - **Grouped**: the channels are split into $g$ groups that never meet; weights and work fall by a factor of $g$.
# - **Depthwise**: $g = C_\text{in}$. Every channel has its own K×K kernel, nothing is mixed across channels.
# - **Depthwise-separable**: depthwise for space, then 1×1 ("pointwise") for channels.

# %%
caption = (
    "What one output reads. Standard: a window in all 4 channels. Grouped: a window in the 2 of its group. "
    "Depthwise: a window in one. Pointwise: one cell in all 4."
)
figures.show(figures.draw_mixing, caption=caption, size=(9, 4))

# %% [markdown]
# **Check** that a 1×1 convolution is a dense layer at each pixel, and that a depthwise one treats each channel alone:

# %%
pixels, mixer = rng.normal(size=(6, 5, 4)), rng.normal(size=(1, 1, 4, 7))
spread = rng.normal(size=(3, 3, 1, 4))
alone = np.stack([correlate(pixels[..., c], spread[..., 0, c]) for c in range(4)], axis=-1)
print("1×1 = dense per pixel:", np.allclose(loops.conv2d(pixels, mixer), pixels @ mixer[0, 0]))
print("depthwise = each channel alone:", np.allclose(loops.conv2d(pixels, spread, groups=4), alone))

# %% [markdown]
# **What is saved?** $K \times K$ at once costs $K^2 C_\text{in} C_\text{out}$ for each output position; in two steps it is
# $K^2 C_\text{in} + C_\text{in} C_\text{out}$. The ratio is
#
# $$\frac{K^2 C_\text{in} + C_\text{in} C_\text{out}}{K^2 C_\text{in} C_\text{out}} = \frac{1}{C_\text{out}} + \frac{1}{K^2}$$
#
# so a 3×3 layer with many channels becomes eight to nine times cheaper.
#
# **Predict.** 3×3, from 64 to 128 channels, on 56×56 positions: how many multiply-adds in each form?

# %%
standard = shapes.count_conv_macs(56, 3, 64, 128)
depthwise = shapes.count_conv_macs(56, 3, 64, 64, groups=64)
pointwise = shapes.count_conv_macs(56, 1, 64, 128)
both = depthwise + pointwise
caption = f"{standard:,} against {both:,} multiply-adds: {standard / both:.1f} times fewer."
costs = {"standard 3×3": standard, "depthwise 3×3": depthwise, "pointwise 1×1": pointwise}
options = {"unit": "multiply-adds", "log": False, "size": (8, 2)}
figures.show(figures.draw_cost_bars, costs, caption=caption, **options)

# %% [markdown]
# The parameters fall alike: 3·3·64·128 = 73,728 against 3·3·64 + 64·128 = 8,768, biases left out.
#
# What is given up: each input channel gets one K×K kernel, shared by all output channels. An output can only weight these filtered maps;
# it cannot have a spatial pattern of its own in each channel. So more layers or channels are needed for the same accuracy (MobileNet
# accepts that). And the hardware gains less than the
# count says: a depthwise layer does so little arithmetic with each number it loads that memory, not arithmetic, is the limit.
# After grouped 1×1 layers the groups would never exchange anything; ShuffleNet therefore shuffles the channels between them.
#
# Filters of one layer need not even have one size: Inception runs 1×1, 3×3 and 5×5 side by side and stacks their maps.

# %% [markdown]
# Small layers gain as much: 3×3 from 3 to 128 channels, biases included, shrinks to about 15 % of its parameters.

# %%
print(f"standard, 3 -> 128, with biases: {shapes.count_conv_params(3, 3, 128):,}")
parts = shapes.count_conv_params(3, 3, 3, groups=3), shapes.count_conv_params(1, 3, 128)
print(f"separable: {parts[0]} + {parts[1]} = {sum(parts)}")

# %%
drill("depthwise-separable-macs")

# %% [markdown]
# ## FFT and Winograd as ideas
#
# **Question.** Can the *number of multiplications* be reduced without changing the result?
#
# **FFT.** For waves, a convolution is a plain product. Any image is
# a sum of waves; the Fourier transform says how much of each. Transform image and kernel, multiply wave by wave, transform back: the
# cost hardly depends on the kernel's size. It pays for large kernels; for 3×3 the transforms cost
# more than they save. (The conjugate makes it a correlation. The transform wraps around at the edges, so only the valid part
# is compared.)

# %%
spectrum = np.fft.rfft2(board) * np.conj(np.fft.rfft2(first, board.shape))
around = np.fft.irfft2(spectrum, board.shape)
print("FFT gives the same:", np.allclose(around[:6, :6], correlate(board, first)))

# %% [markdown]
# **Winograd.** Two neighbouring outputs of a 3-tap kernel share inputs. Computed apart they take 6 multiplications; with sums
# arranged cleverly, 4. The sums of kernel weights are prepared once and for all:

# %%
d, g = rng.normal(size=4), rng.normal(size=3)
m1, m2 = (d[0] - d[2]) * g[0], (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2
m3, m4 = (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2, (d[1] - d[3]) * g[2]
wanted = np.correlate(d, g, "valid")
print("four multiplications:", np.allclose([m1 + m2 + m3, m2 - m3 - m4], wanted))

# %% [markdown]
# In two dimensions the saving is squared: a 2×2 tile of outputs takes 16 multiplications instead of 36, a 4×4 tile 36 instead
# of 144. That is why most libraries have a Winograd path, above all for 3×3 with stride 1. The price is a larger rounding
# error, which grows with the tile. Chapter 08 builds one.
#
# > [!INTERVIEW] Is it efficient to implement convolution as a matrix multiplication?
# > As the full Toeplitz matrix: no, it is huge and nearly empty. As im2col with a good matrix product: yes, at the price of
# > copied memory. Specialised kernels (implicit GEMM, Winograd for 3×3, FFT for large kernels) avoid even that.

# %%
drill("winograd-multiplications")

# %% [markdown]
# ## Beyond 2-D
#
# **Question.** Why is it called 2-D when the input has three axes?
#
# The name counts the axes *along which the kernel slides*. Channels are always summed over, never slid along.
#
# | | slides along | input | one filter | typical data |
# |---|---|---|---|---|
# | 1-D | time | L × C | K × C | text, audio, sensors |
# | 2-D | height, width | H × W × C | K × K × C | images, spectrograms |
# | 3-D | depth (or time), height, width | D × H × W × C | K × K × K × C | CT volumes, video |
#
# The first layer of the table at work, on $x = [2,1,2,3,1,0]$ with $w = [1,-1,2]$, is in the next cell. The formulas are the same along
# each axis. A 32×32×32 volume with 16 channels and 32 filters of 3×3×3 gives 30×30×30×32, and
# every filter has 3·3·3·16 = 432 weights: three axes are expensive.

# %%
sequence, kernel = signal[:, None], taps[:, None, None]
print("stride 1:", loops.conv1d(sequence, kernel)[:, 0])
print("stride 2:", loops.conv1d(sequence, kernel, stride=2)[:, 0])

# %%
drill("conv1d-by-hand")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. One window times one kernel, summed, plus a bias: one number. Slide it: a feature map. One filter, one map.
# 2. Frameworks compute cross-correlation; a convolution would flip the kernel first. Learned weights make it irrelevant.
# 3. A filter is as deep as its input; the number of filters is the depth of the output.
# 4. Parameters do not depend on the image size, multiply-adds do.
# 5. Convolution is equivariant to translation. Invariance comes from pooling, and is approximate.
#
# | Formula | |
# |---|---|
# | $n_\text{out} = \lfloor (n + p_\text{before} + p_\text{after} - (d(K-1)+1)) / s \rfloor + 1$ | output size, per axis |
# | $C_\text{out} (K_H K_W C_\text{in} / g + 1)$ | parameters |
# | $H_\text{out} W_\text{out} C_\text{out} K_H K_W C_\text{in} / g$ | multiply-adds |
# | $1 / C_\text{out} + 1 / K^2$ | cost of depthwise-separable, relative |
# | $K_1 + K_2 - 1$ | kernel of two stacked linear convolutions |
# | $(N H_\text{out} W_\text{out}) \times (K_H K_W C_\text{in})$ | im2col |

# %% [markdown]
# ## More drills
#
# The cards above belong to their sections; these mix them. Come back tomorrow: the numbers will be new, and
# `python -m cnnkit drill` in a terminal asks first for what you are about to forget. It also has the rest of the deck.
#
# **By hand:** pencil, no code.

# %%
drill("feature-map-by-hand")

# %%
drill("conv-output-size-dilated")

# %%
drill("bottleneck-weights")

# %% [markdown]
# **Type the formula.** It is checked at random points; any equivalent form is right.

# %%
drill("output-size-formula")

# %%
drill("conv-macs-formula")

# %%
drill("depthwise-separable-share")

# %% [markdown]
# **Find the bug.** Each of these came out of somebody's first version.

# %%
drill("bug-stride")

# %%
drill("bug-channels")

# %%
drill("bug-im2col-weights")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("explain-weight-sharing")

# %%
drill("explain-dense-to-convolution")

# %%
drill("explain-depthwise-separable")

# %% [markdown]
# ## Sources
#
# - LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition* (1998): convolutional layers, weight sharing.
# - Dumoulin, Visin, *A guide to convolution arithmetic for deep learning* (2016), sections 2 to 4: sizes, transposed convolution.
# - Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* (2012): the first layer with 55×55×96
#   outputs. (The paper prints an input of 224; the sizes work out with 227.)
# - Howard and others, *MobileNets* (2017), section 3.1: the cost of depthwise-separable layers, $1/N + 1/D_K^2$.
# - Zhang, Zhou, Lin, Sun, *ShuffleNet* (2017): why grouped 1×1 layers need a shuffle.
# - Lavin, Gray, *Fast Algorithms for Convolutional Neural Networks* (2015), sections 3 and 4: F(2,3) with 4 instead of 6
#   multiplications, F(2×2, 3×3) with 16 instead of 36, F(4×4, 3×3) with 36 instead of 144.
# - Chellapilla, Puri, Simard, *High Performance Convolutional Neural Networks for Document Processing* (2006): convolution unrolled
#   to a matrix product.
# - Gonzalez, Woods, *Digital Image Processing*, chapter 3: smoothing, sharpening and gradient kernels.
# - The course's text, *Deep Dive Section 1*: the formula of the layer and of its output size, here with the padded input,
#   dilation and per-axis sizes that it leaves out.
