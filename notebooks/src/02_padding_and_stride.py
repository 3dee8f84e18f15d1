# %% [markdown]
# # Chapter 02. Padding and stride: the border and the steps
#
# **After this chapter you can answer**
#
# 1. A 224×224 image meets a 7×7 convolution with stride 2 and padding 3. What comes out, and which pixels are
#    never read?
# 2. Describe valid, same, full and causal padding. When is each used?
# 3. Which padding keeps the size for a 4×4 kernel? And what does that do to the picture?
# 4. Weights were copied from TensorFlow to PyTorch, every shape fits, and the accuracy collapses. What
#    happened?
# 5. How large is the output of a transposed convolution, what is `output_padding` for, and does it undo a
#    convolution?
# 6. Where do checkerboard artefacts come from, and which ways of upsampling avoid them?
#
# **Time** 55 minutes to read and play, 40 more for the drills.
# **Builds on** chapter 01: the window, the kernel, the indexed formula.
#
# Height and width never mix, so nearly everything here is said about *one* axis. For an image you say it
# twice.

# %%
import numpy as np

from cnnkit import borders, data, famous_kernels, figures, shapes, upsampling
from cnnkit.drills import drill
from cnnkit.kernels import linear, loops, vectorized
from cnnkit.layers import Conv2D, Dense, Flatten
from cnnkit.network import Sequential
from cnnkit.optim import Adam
from cnnkit.widgets import GeometryExplorer

# %% [markdown]
# ## The output size, derived
#
# **Question.** Eight cells, a window of three, steps of three. How many outputs are there, and what happens
# to the cells at the end?
#
# **Intuition.** Put the window at the very beginning: that is one output. Then ask how far it can still
# travel.

# %%
size = shapes.conv_output_size(8, 3, stride=3)
caption = f"Eight cells, window 3, stride 3: {size} outputs. The last two cells are never read."
figures.show(figures.draw_axis, 8, 3, stride=3, caption=caption, size=(6, 1.9))

# %% [markdown]
# **Formula.** Four names, in cells: the input $n$, the padding $p_b$ before and $p_a$ after it, the stride
# $s$, and the span of the window. A kernel of $K$ taps that stand $d$ cells apart (dilation) has $K-1$ gaps,
# so it spans $d(K-1)+1$ cells. Then, in three steps:
#
# 1. The padded axis has $n + p_b + p_a$ cells; the window covers $d(K-1)+1$ of them, so
#    $n + p_b + p_a - d(K-1) - 1$ cells are left to travel.
# 2. One move takes $s$ cells. Only whole moves count, so divide and **round down**.
# 3. There is one window before the first move: **add 1**.
#
# $$n_\text{out} = \left\lfloor \frac{n + p_b + p_a - d(K-1) - 1}{s} \right\rfloor + 1$$
#
# The remainder of that division is what the floor throws away: the last
# $(n + p_b + p_a - d(K-1) - 1) \bmod s$ cells of the *padded* axis lie behind the last window. Padding at the
# end is lost first, then real cells. (Pooling layers can be told to round up instead: `ceil_mode`, chapter
# 03.)
#
# **The literal loop** does not know the formula. It tries every start and keeps those that fit:


# %%
def count_windows(n, kernel_size, stride, before, after, dilation):
    starts = []
    for start in range(-before, n + after, stride):
        last_tap = start + dilation * (kernel_size - 1)
        if last_tap < n + after:
            starts.append(start)
    return len(starts)


# %% [markdown]
# **Proof** that both agree, on all 14,400 combinations of small numbers:

# %%
grid = np.indices((12, 5, 5, 4, 4, 3)).reshape(6, -1).T + np.array([1, 1, 1, 0, 0, 1])
checked = 0
for n, k, s, before, after, d in grid.tolist():
    formula = (n + before + after - d * (k - 1) - 1) // s + 1
    assert max(formula, 0) == count_windows(n, k, s, before, after, d)
    checked += 1
print(f"{checked:,} combinations agree")

# %% [markdown]
# **Predict.** The stem of ResNet: 224 cells, kernel 7, stride 2, padding 3 on both sides. How many outputs,
# how many padded cells are dropped, and are any of them real pixels?

# %%
room = 224 + 3 + 3 - 7
print(
    f"{room} cells to travel: {room // 2} moves and {room // 2 + 1} outputs; {room % 2} padded cell dropped"
)
print("library:", shapes.conv_output_size(224, 7, stride=2, padding=3))
print("without padding:", shapes.conv_output_size(224, 7, stride=2))
print("fewest reads of a real pixel (along one axis):", borders.use_counts(224, 7, stride=2, padding=3).min())

# %% [markdown]
# The dropped cell is one of the three zeros at the end: no pixel is lost. Without padding it would be a
# real one: $\lfloor 217/2 \rfloor + 1 = 109$ outputs, and the last row and column of the image never reach
# the network.
#
# A famous case is the first layer of AlexNet: 11×11, stride 4, 55×55 outputs. The paper says that the input
# is 224×224, and that does not work out. Either the input is 227, or 224 comes with a padding of 2:

# %%
for n, padding in [(224, 0), (227, 0), (224, 2)]:
    room = n + 2 * padding - 11
    print(
        f"n = {n}, p = {padding}: {room} / 4 = {room / 4} -> {room // 4 + 1} outputs, cells dropped: {room % 4}"
    )

# %% [markdown]
# > [!INTERVIEW] Volume in, volume out
# > 63×63×16 meets 32 filters of 7×7 with stride 2 and no padding: 29×29×32. Each axis has its own sum, and
# > the depth is the number of filters (chapter 01): the 16 input channels only decide how deep a filter is.
# > Nothing has to be square: 8×8 under a 3×5 kernel with padding (0, 1) and stride (3, 4) gives 2×2.

# %%
volume, filters = np.zeros((63, 63, 16)), np.zeros((7, 7, 16, 32))
print("63×63×16 ->", vectorized.conv2d(volume, filters, stride=2).shape)
image, kernel = np.zeros((8, 8, 1)), np.zeros((3, 5, 1, 1))
print("8×8×1    ->", vectorized.conv2d(image, kernel, stride=(3, 4), padding=((0, 0), (1, 1))).shape)

# %% [markdown]
# > [!MISTAKE] 'Valid convolution shrinks by K − 1'
# > Only at stride 1 and dilation 1. In general the shrinkage is $n - n_\text{out}$ with the formula above:
# > 8 cells, $K=3$, $s=3$ shrink by 6. And 'same padding is $(K-1)/2$' holds only at stride 1 and for odd
# > $K$; with dilation it is $d(K-1)/2$, and only where $d(K-1)$ is even. Many texts print both shortcuts
# > without their conditions.
#
# > [!INTERVIEW] The floor in another language
# > When one cell is missing for the first window and the stride is 2, the fraction is $-1/2$. Python's `//`
# > rounds down to −1, plus 1 is 0: no output, and `cnnkit` raises an error. C and Java cut towards zero:
# > `-1 / 2` is 0, plus 1 is **one** output, computed in C from memory outside the image (Java throws an
# > exception). Check that the window fits *before* you divide.

# %%
print("Python:", (6 - 7) // 2 + 1, "  C and Java:", int((6 - 7) / 2) + 1)

# %% [markdown]
# **Play.** Each number of the formula can be explained: choose it below the picture, or click a cell. The
# numbers in the large grid say how often a cell is read. Start with *dropped rows*: what would you have to
# pad so that nothing is lost? Then make the stride larger than the kernel: why does no padding help?

# %%
GeometryExplorer()

# %%
drill("four-sided-output-size")

# %%
drill("dropped-rows")

# %% [markdown]
# ## Valid, same, full and causal
#
# **Question.** How much padding should there be? Four answers have names.
#
# **Intuition.** Seven cells and a window of three, with stride 1:

# %%
sizes = {word: shapes.conv_output_size(7, 3, padding=word) for word in ("valid", "same", "full", "causal")}
cases = {
    f"{word}: {size} outputs": {"size": 7, "kernel_size": 3, "padding": word} for word, size in sizes.items()
}
counts = ", ".join(f"{word} {size}" for word, size in sizes.items())
caption = f"Blue: the 7 input cells; p: padding. Outputs: {counts}. Causal windows end at their own cell."
figures.show(figures.draw_axes, cases, caption=caption, size=(9, 5.2))

# %% [markdown]
# **Formula**, at stride 1, with the overhang $o = d(K-1)$:
#
# | name | before, after | outputs | where it is used |
# |---|---|---|---|
# | **valid** | 0, 0 | $n - o$ | where no invented numbers may enter: measuring, LeNet, the original U-Net |
# | **same** | $\lfloor o/2 \rfloor,\; \lceil o/2 \rceil$ | $n$ | nearly every modern network |
# | **full** | $o,\; o$ | $n + o$ | inside backpropagation and the transposed convolution; polynomial products |
# | **causal** | $o,\; 0$ | $n$ | sound, text and other sequences: no output may see the future |
#
# In two dimensions, at stride 1 and dilation 1: for an $H \times W$ image and an $N \times M$ kernel, same
# keeps $H \times W$ and pads $N-1$ rows and $M-1$ columns *in total*; valid leaves
# $(H-N+1) \times (W-M+1)$. For odd $K$ the same padding is $(K-1)/2$ on each side: 1 for 3×3, 2 for 5×5, 3
# for 7×7 (check: $n + 6 - 7 + 1 = n$). Channels are never padded: 15×15×8 with $p = 2$ becomes 19×19×8.
#
# **The code** is four lines of arithmetic. `shapes.resolve_padding` is the same with checks:


# %%
def resolve(word, kernel_size, dilation=1):
    overhang = dilation * (kernel_size - 1)
    half = overhang // 2
    return {
        "valid": (0, 0),
        "same": (half, overhang - half),
        "full": (overhang, overhang),
        "causal": (overhang, 0),
    }[word]


# %%
print(f"{'7 cells':10}{'K=3':>9}{'K=4':>9}{'K=3, d=2':>11}")
for word in ("valid", "same", "full", "causal"):
    mine = [resolve(word, 3), resolve(word, 4), resolve(word, 3, 2)]
    assert mine == [shapes.resolve_padding(word, 7, k, dilation=d) for k, d in [(3, 1), (4, 1), (3, 2)]]
    print(f"{word:10}{mine[0]!s:>9}{mine[1]!s:>9}{mine[2]!s:>11}")

# %% [markdown]
# **Why not always valid?** Because depth eats the picture. **Predict.** A 32×32 image goes through fifteen
# valid 3×3 layers. What is left?

# %%
left = [32]
for _ in range(15):
    left.append(shapes.conv_output_size(left[-1], 3))
print("valid:", *left)

# %% [markdown]
# So very deep networks keep the size with *same* convolutions and shrink on purpose, with a stride or a
# pooling layer. (A true-or-false favourite: 'deep nets use valid convolutions and shrink only by pooling'.
# False.)
#
# **Causal, proven.** Change the last sample of a signal. With same padding earlier outputs change too; with
# causal padding only the last one may:

# %%
signal, taps = np.array([2.0, 1, 3, 0, 1, 4, 2, 5]), np.array([1.0, -1, 2])[:, None, None]
changed = signal.copy()
changed[-1] += 10
for word in ("same", "causal"):
    pair = [loops.conv1d(s[:, None], taps, padding=word)[:, 0] for s in (signal, changed)]
    print(f"{word:7} outputs that changed: {np.flatnonzero(pair[0] != pair[1])}  of 0 to {signal.size - 1}")

# %% [markdown]
# **Full** counts every overlap, also those with a single tap. It is what `np.convolve` does by default, what
# multiplies two polynomials ($n + K - 1$ coefficients), and what carries a gradient back to the input of a
# valid convolution (chapter 05).

# %%
print("(1 + 2x)(3 + x + 4x²):", np.convolve([1, 2], [3, 1, 4]))
x, w = np.array([1.0, 2])[:, None], np.array([3.0, 1, 4])[::-1][:, None, None]
print("full, flipped kernel :", loops.conv1d(x, w, padding="full")[:, 0])

# %% [markdown]
# > [!SAY] Valid, same, full, causal
# > With dilation 1: valid pads nothing, so the output shrinks by K − 1 at stride 1. Same pads K − 1 in total,
# > half on each side, an odd cell at the end, and keeps the size; that is the default in deep networks. Full
# > pads K − 1 on both sides and counts every overlap; I meet it in the gradient of a convolution. Causal pads
# > K − 1 on the left only, so that no output sees the future: audio and autoregressive models.

# %%
drill("same-padding-split")

# %%
drill("deep-nets-and-valid")

# %%
drill("bug-causal")

# %% [markdown]
# ## Even kernels and asymmetric padding
#
# **Question.** Which padding keeps the size for $K = 4$?
#
# **Intuition.** The total must be $K - 1 = 3$, and three cells cannot be split evenly. $p = 1$ on both
# sides loses a cell, $p = 2$ gains one. The answer is $(1, 2)$: one before, two after. Keras and TensorFlow
# put the odd cell at the end (*same*, ONNX's SAME_UPPER), some older models at the beginning (SAME_LOWER;
# `"same_lower"` here).

# %%
for padding in (1, 2, (1, 2), (2, 1)):
    print(f"16 cells, K = 4, padding {padding!s:7} -> {shapes.conv_output_size(16, 4, padding=padding)}")

# %% [markdown]
# **The price.** An even kernel has no middle tap. With (1, 2) the window of output $i$ covers the cells
# $i-1 \ldots i+2$; its centre lies at $i + \tfrac12$, half a pixel further on. A blur with an even kernel
# therefore *moves* the picture by half a pixel, and the shifts of several layers add up.
#
# **Predict.** A single bright pixel at cell 20 goes through eight box blurs of four cells with same padding.
# Where is its centre of mass?


# %%
def centre_after(word, layers=8):
    row = np.zeros((41, 1))
    row[20] = 1
    for _ in range(layers):
        row = loops.conv1d(row, np.full((4, 1, 1), 0.25), padding=word)
    return float((np.arange(41) * row[:, 0]).sum() / row.sum())


# %%
for word in ("same", "same_lower"):
    print(f"{word:11} centre of mass after 8 layers: {centre_after(word):.1f}")

# %% [markdown]
# Eight half-pixel steps are four pixels. (To the *left* with `same`: output $i$ looks at $i + \tfrac12$, so
# what was at 20 shows up at 19½.) Alternating the two rules cancels it. That is one reason why nearly all
# kernels are odd; the other is that odd ones have a centre to which an output can belong. Even kernels are
# at home at stride 2: $K=4$ with padding 1 halves an even size symmetrically, and as a transposed convolution
# it avoids uneven overlaps (below).
#
# > [!FRAMEWORKS] Four numbers or two
# > PyTorch's `Conv2d(padding=1)` and `padding=(1, 2)` mean *per axis, both sides alike*: (1, 2) is 1 for the
# > height, 2 for the width! For four sides, put an `nn.ZeroPad2d((left, right, top, bottom))` in front
# > (`padding="same"` splits an odd total for you, at stride 1 only). Keras has
# > `ZeroPadding2D(((top, bottom), (left, right)))`, ONNX `pads = [top, left, bottom, right]`. Here and in
# > NumPy it is `((top, bottom), (left, right))`. Three orders for the same four numbers.

# %%
drill("even-kernel-shift")

# %% [markdown]
# ## Same with a stride: two conventions
#
# **Question.** What should 'same' mean when the stride is 2? The output cannot be as large as the input.
#
# **TensorFlow, Keras, JAX, and ONNX with `auto_pad=SAME_UPPER`**: the output has $\lceil n/s \rceil$ cells,
# whatever the kernel. The padding follows from that; an odd cell goes to the end:
#
# $$n_\text{out} = \left\lceil \frac{n}{s} \right\rceil, \qquad
# p_\text{total} = \max\big((n_\text{out} - 1)\,s + d(K-1) + 1 - n,\; 0\big), \qquad
# p_b = \left\lfloor \frac{p_\text{total}}{2} \right\rfloor, \quad p_a = p_\text{total} - p_b$$
#
# **PyTorch, Caffe** and most papers: a fixed, symmetric $p$, usually $(K-1)/2$.
#
# **Predict.** 224 cells, $K = 7$, $s = 2$. Which two numbers (before, after) does each convention pad, and
# how large is the output?

# %%
before, after = shapes.resolve_padding("same", 224, 7, stride=2)
size = shapes.conv_output_size(224, 7, stride=2, padding=(before, after))
print(f"TensorFlow: ({before}, {after}) -> {size} outputs")
print(f"symmetric : (3, 3) -> {shapes.conv_output_size(224, 7, stride=2, padding=3)} outputs")

# %% [markdown]
# The sizes agree, and that is the trap: no shape will ever complain. But output $i$ reads the cells from
# $2i - 2$ in one convention and from $2i - 3$ in the other. In small, with eight cells:

# %%
cases = {
    "TensorFlow's SAME: pads (0, 1)": {"size": 8, "kernel_size": 3, "stride": 2, "padding": "same"},
    "symmetric: pads (1, 1)": {"size": 8, "kernel_size": 3, "stride": 2, "padding": 1},
}
caption = (
    "Four outputs each. On the left the windows start at cells 0, 2, 4 and 6, on the right at −1, 1, 3 and 5."
)
figures.show(figures.draw_axes, cases, caption=caption, size=(9, 2.2))

# %% [markdown]
# On the right the last padding cell is dropped by the floor and never read. It gets worse: TensorFlow's
# padding depends on the *size* of the input, so the same network is aligned differently on images of 224 and
# of 225:

# %%
for n in (223, 224, 225, 226):
    seven, three = (shapes.resolve_padding("same", n, kernel_size, 2) for kernel_size in (7, 3))
    print(f"n = {n}: K=7, s=2 pads {seven}, K=3, s=2 pads {three}")

# %% [markdown]
# **How much does it matter?** Train a small network with two strided *same* layers on handwritten digits,
# copy its weights bit by bit into a network with symmetric padding, and test both. All shapes are equal. (How
# training works is the subject of chapter 09; here it is a black box that finds weights.)


# %%
def digit_network(padding, seed):
    layers = [
        Conv2D(16, 3, stride=2, padding=padding, activation="relu"),
        Conv2D(32, 3, stride=2, padding=padding, activation="relu"),
        Flatten(),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers, input_shape=(8, 8, 1), seed=seed)


# %%
def accuracies(seed):
    split = data.train_test_split(*data.digits(), test_fraction=0.5, seed=seed)
    x_train, x_test = split.x_train[..., None], split.x_test[..., None]
    trained, ported, fixed = (digit_network(padding, seed) for padding in ("same", 1, ((0, 1), (0, 1))))
    trained.fit(x_train, split.y_train, 12, optimizer=Adam(0.005), seed=seed, progress=False)
    for network in (ported, fixed):
        for name, weights in trained.params.items():
            network.params[name][...] = weights
    return [network.evaluate(x_test, split.y_test)[1] for network in (trained, ported, fixed)]


# %% [markdown]
# **Predict** the accuracy after the copy. Then look at five runs with different seeds:

# %%
runs = np.array([accuracies(seed) for seed in range(5)])
names = ("as trained, padding (0, 1)", "ported, symmetric (1, 1)", "ported, padded (0, 1) by hand")
for name, scores in zip(names, runs.T, strict=True):
    print(f"{name:30} accuracy {scores.mean():4.0%}, runs from {scores.min():.0%} to {scores.max():.0%}")

# %% [markdown]
# It falls to guessing, and with the right four numbers it is back exactly. This is an extreme case, and you
# should know why: the first layer shifts its grid by one pixel, the second by one cell of its own input,
# which is two pixels more. Over $L$ layers of stride 2 the shifts add up to $2^L - 1$ pixels, nearly **one
# whole cell of the last map**, as long as every map has an even size. (224 does for five layers: 31 pixels.
# 225 pads (1, 1) all the way and does not shift at all.) Here the last map is 2×2 and the dense layer knows
# each cell by name. A head that averages over a large map knows less about places and forgives more; but
# detection and segmentation keep a constant, silent offset.

# %%
for count in (1, 2, 5):
    fields = [shapes.receptive_field([(3, 2, pads, 1)] * count) for pads in ((0, 1), (1, 1))]
    starts = [field.start for field in fields]
    print(
        f"L = {count}: the first fields start at {starts[0]} and {starts[1]}; a cell is {fields[0].jump} pixels"
    )
for n in (224, 225):
    sizes = [n]
    while len(sizes) < 6:
        sizes.append(shapes.conv_output_size(sizes[-1], 3, stride=2, padding="same"))
    print("sizes", *sizes, " pads", *(shapes.resolve_padding("same", size, 3, 2) for size in sizes[:-1]))

# %% [markdown]
# > [!SAY] Ported weights, wrong accuracy
# > I look at the strided layers first. TensorFlow's SAME pads so that the output is ceil(n / s), and puts an
# > odd cell at the end: 224 with a 7×7 kernel and stride 2 gets (2, 3). A symmetric padding of 3 gives the
# > same shape with every window one pixel off, and the offsets add up with depth. The fix is an explicit
# > asymmetric padding in front of a valid convolution; then I compare activations layer by layer. (Pooling
# > layers have the same trap.)

# %%
drill("tensorflow-same-stride")

# %%
drill("same-padding-code")

# %%
drill("ported-weights")

# %% [markdown]
# ## How often each pixel is used
#
# **Question.** Do all pixels have the same say?
#
# **Intuition.** Count, for each pixel, how many windows read it; near the border there are fewer.
#
# **Predict.** 7×7 image, 3×3 kernel, stride 1. How often is the corner used with valid padding? And with
# same?


# %%
def count_map(n, kernel_size, **options):
    counts = borders.use_counts(n, kernel_size, **options)
    return np.outer(counts, counts)


# %%
maps = {
    "valid": count_map(7, 3),
    "same": count_map(7, 3, padding="same"),
    "full": count_map(7, 3, padding="full"),
}
corners = ", ".join(f"{word} {counts[0, 0]}" for word, counts in maps.items())
caption = f"How often a 3×3 kernel reads each pixel. The centre: 9 times. The corner: {corners}."
figures.show(figures.draw_counts, maps, caption=caption, size=(9, 3.2))

# %% [markdown]
# That is the **edge bias**: with valid padding the corner has one vote and the centre nine. Padding lessens
# it, full padding removes it. **Formula:** windows are products of a row range and a column range, so the map
# is an outer product of two counts. And there is a second way to see it: *each output hands back a one to
# every cell that it read*, which is a transposed convolution of ones. That is also what the gradient does, so
# a pixel that is read once also receives its gradient from one output only.
#
# **The literal loops, the outer product, the transposed convolution:** all three agree, with stride, dilation
# and uneven padding. (`output_padding` restores the ninth cell; see section *Transposed convolution*.)


# %%
def count_by_loops(n, kernel_size, stride, padding, dilation):
    counts = np.zeros((n, n), int)
    outputs = shapes.conv_output_size(n, kernel_size, stride=stride, padding=padding, dilation=dilation)
    for i, j in np.ndindex(outputs, outputs):
        for m, k in np.ndindex(kernel_size, kernel_size):
            row, column = (at * stride + tap * dilation - padding[0] for at, tap in ((i, m), (j, k)))
            if 0 <= row < n and 0 <= column < n:
                counts[row, column] += 1
    return counts


# %%
options = {"stride": 2, "padding": (2, 1), "dilation": 2}
outputs = shapes.conv_output_size(9, 3, **options)
stamped = loops.conv2d_transpose(
    np.ones((outputs, outputs, 1)),
    np.ones((3, 3, 1, 1)),
    stride=2,
    padding=((2, 1), (2, 1)),
    dilation=2,
    output_padding=1,
)[..., 0]
print("loops = outer product:", np.array_equal(count_by_loops(9, 3, **options), count_map(9, 3, **options)))
print("transposed convolution of ones:", np.array_equal(stamped, count_map(9, 3, **options)))

# %% [markdown]
# Stride and dilation leave their own marks. When the stride exceeds the kernel there are **holes**: pixels
# that nobody reads, whatever is trained. When it does not divide the kernel, the counts alternate.
# Dilation alone leaves no holes: the nine offsets fill each other's gaps. With a stride it can: $K=3$, $d=2$,
# $s=2$ reads even cells only.

# %%
maps = {
    "K=3, stride 2": count_map(9, 3, stride=2),
    "K=2, stride 3": count_map(9, 2, stride=3),
    "1×1, stride 2": count_map(9, 1, stride=2),
    "K=3, dilation 3": count_map(9, 3, dilation=3),
    "K=3, d=2, s=2": count_map(9, 3, dilation=2, stride=2),
}
unread = ", ".join(f"{name}: {np.mean(counts == 0):.0%}" for name, counts in maps.items())
figures.show(
    figures.draw_counts, maps, caption=f"Share of pixels that are never read. {unread}.", size=(10, 2.9)
)

# %% [markdown]
# > [!INTERVIEW] The shortcut that looks at a quarter
# > A 1×1 convolution with stride 2 reads one pixel of four and throws the rest away (75 % unread on an even
# > size; 69 % above because 9 is odd). ResNet's projection
# > shortcuts do exactly that. Later variants (ResNet-D) put a 2×2 average pooling before it, so that all
# > pixels are heard.

# %%
drill("corner-use-count")

# %% [markdown]
# ## What stands in the padding
#
# **Question.** Zeros are black pixels (after standardisation: average grey; inside a network: no response)
# that were never there. What do they do to the result, and what else could one write there?
#
# **Intuition.** Five ways to continue a row beyond its edge:

# %%
patch = np.array([[1.0, 2, 3, 4], [5, 6, 7, 8], [9, 8, 7, 6], [5, 4, 3, 2]])
filled = {fill: borders.pad(patch, ((2, 2), (2, 2)), fill) for fill in borders.FILLS}
rows = "; ".join(f"{fill} {' '.join(f'{v:.0f}' for v in padded[2])}" for fill, padded in filled.items())
figures.show(
    figures.draw_padded,
    filled,
    2,
    caption=f"The first row of the patch, padded by two: {rows}.",
    size=(11, 2.6),
)

# %% [markdown]
# **Reflect** puts the mirror *on* the edge cell, which is not repeated. **Symmetric** puts it *behind*
# the edge cell, which appears twice. **Edge** repeats the last cell, **wrap** joins the two ends, which is
# right for panoramas and angles.
#
# **Reflection by hand**, a code question in interviews. Per axis: take the cells next to the edge (without
# the edge itself), turn them round, and put them in front; the same at the end.


# %%
def reflect(x, p, axis):
    x = np.moveaxis(x, axis, 0)
    before = x[1 : p + 1][::-1]
    after = x[-p - 1 : -1][::-1]
    return np.moveaxis(np.concatenate([before, x, after]), 0, axis)


# %%
image = data.photo("coffee", size=(40, 60), dtype=np.float64)
mine = reflect(reflect(image, 3, axis=0), 3, axis=1)
print("shape", image.shape, "->", mine.shape)
print("np.pad agrees:", np.array_equal(mine, np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="reflect")))

# %% [markdown]
# The channel axis stays as it is, the output has $H + 2p$ rows, and $p$ may be $n - 1$ at most: there is
# nothing left to mirror beyond that. The other way is an index that walks up and down,
# `x[fill_index(n, p, p, "reflect")]`; that one works for each fill:

# %%
print("cell shown:", borders.fill_index(5, 3, 3, "reflect"))

# %% [markdown]
# > [!FRAMEWORKS] One word, two mirrors
# > NumPy, PyTorch and TensorFlow agree on *reflect*; *symmetric* exists in NumPy and TensorFlow. SciPy's
# > `ndimage` calls NumPy's symmetric `reflect` and NumPy's reflect `mirror`. In OpenCV reflect is
# > `BORDER_REFLECT_101` and symmetric is `BORDER_REFLECT`. Layers of PyTorch take `padding_mode="reflect"`,
# > `"replicate"` (edge) or `"circular"` (wrap); Keras' Conv2D knows zeros only.
#
# **The border artefact, measured.** Blur a photograph with a 15×15 Gaussian under zeros and under reflection,
# and compare the outermost pixels with the same blur of a larger picture, where the true neighbours are
# known.
#
# **Predict.** By how much does zero padding darken the very edge?

# %%
full = data.photo("astronaut", size=192, mode="gray", dtype=np.float64)
kernel = famous_kernels.gaussian(15, 4.0)[..., None, None]
crop, truth = full[32:160, 32:160], vectorized.conv2d(full[25:167, 25:167, None], kernel)[..., 0]
blurred = {}
for fill in ("zeros", "reflect", "edge", "wrap"):
    padded = borders.pad(crop, ((7, 7), (7, 7)), fill)
    blurred[fill] = vectorized.conv2d(padded[..., None], kernel)[..., 0]

# %%
to_edge = np.minimum(np.arange(128), np.arange(127, -1, -1))
distance = np.minimum.outer(to_edge, to_edge)
profiles = {
    fill: np.array([blurred[fill][distance == d].sum() / truth[distance == d].sum() for d in range(12)])
    for fill in ("zeros", "reflect")
}
lost = ", ".join(f"{fill} {1 - profile[0]:.0%}" for fill, profile in profiles.items())
caption = f"Share of the brightness that is missing in the outermost pixels: {lost}."
pictures = {"the crop": crop, "true blur": truth, "zeros": blurred["zeros"], "reflect": blurred["reflect"]}
options = {"caption": caption, "ylabel": "brightness / truth", "size": (9, 5.2)}
figures.show(figures.draw_border_profiles, pictures, profiles, **options)

# %%
for fill, blur in blurred.items():
    error, corner = np.abs(blur - truth)[distance < 7].mean(), blur[0, 0] / truth[0, 0]
    print(f"{fill:8} mean error in the outer 7 pixels: {error:.3f}; corner: {corner:.2f} of its brightness")

# %% [markdown]
# A little more than half is left at an edge and less than a third in the corner: there, nearly half and
# nearly three quarters of the window are zeros. For a box blur (odd $K$) of a constant image the shares are
# exact: $\tfrac{K+1}{2K}$ remains at an edge and the square of that in a corner; 6/9 and 4/9 for 3×3.
# Reflection keeps the brightness; its errors are of another kind, because it invents a mirrored texture. On
# this photograph repeating the edge is a little closer still; wrap brings in the other side of the picture.
# One can also invent nothing: divide each sum by the share of real taps in its window (*partial
# convolution*; average pooling has a switch for it, chapter 03).
#
# **Zeros also give away the place.** A constant image has no position in it. After three zero-padded
# 3×3 layers the three outermost pixels 'know' how far they are from the border; every further layer tells one
# pixel more:

# %%
flat = np.ones((9, 9, 1))
for _ in range(3):
    flat = loops.conv2d(flat, np.full((3, 3, 1, 1), 1 / 9), padding="same")
print("a constant image after 3 layers, middle row:", flat[4, :, 0].round(2))

# %% [markdown]
# Networks use that: they can tell *where* something is although a convolution should not know (Islam, Jia and
# Bruce measured it in 2020). Zeros stayed the default all the same: they are the cheapest fill, and a network
# trained with them has learned to live with them. Change the fill only where borders show (generators, style
# transfer, denoising, tiled satellite images), and use the same fill in training and in use.

# %%
drill("reflect-by-hand")

# %%
drill("reflect-pad-code")

# %%
drill("dark-border-value")

# %% [markdown]
# And the choice of a border:

# %%
drill("padding-for-the-job")

# %% [markdown]
# ## Dilation and gridding
#
# **Question.** How can a layer see further without more weights, without a stride and without pooling?
#
# **Intuition.** Spread the taps: between neighbours lie $d - 1$ cells that are skipped. Three taps with
# dilation 4 span $4 \cdot 2 + 1 = 9$ cells. The output keeps its resolution, which is why segmentation
# (DeepLab) and audio (WaveNet) use it. The French name *à trous*, with holes, says what the price is.
#
# **Predict.** Three layers with 3 taps and dilation 2 each: the field is 13 cells wide. How many of the 13
# are read at all?

# %%
caption = (
    "With dilations 2, 2, 2 only 7 of 13 cells are read, every second one. With 1, 2, 4 all 15 of 15 are."
)
figures.show(figures.draw_tap_trees, [(2, 2, 2), (1, 2, 4)], 3, caption=caption, size=(10, 2.8))

# %% [markdown]
# In two dimensions that is $7^2 = 49$ of $13^2 = 169$ pixels: **29 %**. Worse, neighbouring outputs read
# *disjoint* sets: the layers fall apart into $d^2$ independent networks on interleaved grids, and
# neighbouring outputs may contradict each other. This is **gridding**. A change of one pixel shows it:

# %%
x = np.zeros((12, 12, 1))
kernels = [np.random.default_rng(layer).normal(size=(3, 3, 1, 1)) for layer in range(3)]
touched = x.copy()
touched[6, 6] = 1
for kernel in kernels:
    x, touched = (loops.conv2d(v, kernel, padding="same", dilation=2) for v in (x, touched))
rows, columns = np.nonzero(np.abs(touched - x)[..., 0] > 1e-12)
print(f"{rows.size} outputs changed; their rows: {np.unique(rows)}, their columns: {np.unique(columns)}")

# %% [markdown]
# Only even rows and columns answer to pixel (6, 6). Odd outputs never hear of it, however deep the stack.
# **Remedies:** rates that begin with 1 and never exceed the field so far (1, 2, 5: hybrid dilated
# convolution; the doubling 1, 2, 4, 8 of WaveNet), parallel branches with several rates (ASPP in DeepLab),
# or undilated layers at the end.


# %%
def cells_read(dilations, kernel_size=3):
    read = {0}
    for d in dilations:
        read = {cell + d * tap for cell in read for tap in range(kernel_size)}
    return len(read), max(read) + 1


# %%
for dilations in [(2, 2, 2), (2, 4, 8), (1, 2, 4), (1, 2, 5), (1, 2, 9)]:
    read, field = cells_read(dilations)
    print(f"rates {dilations}: {read} of {field} cells, {read**2 / field**2:.0%} of the pixels")

# %% [markdown]
# The rate 9 in the last line is too large: a rate may be at most as large as the field of the layers with
# smaller rates (here $1 + 2 \cdot (1 + 2) = 7$), otherwise gaps remain. And *dilation does not make a layer
# cheaper*: it has the same weights and the same multiply-adds for each output.
#
# > [!SAY] What is a dilated convolution?
# > The taps of the kernel stand d cells apart, so K taps span d(K − 1) + 1 cells with the same number of
# > weights. The view grows without stride or pooling, so the resolution stays: good for segmentation and
# > audio. The danger is gridding: equal rates above 1 in a row leave gaps in the field of every output, and
# > neighbouring outputs read disjoint cells, so I mix rates, beginning with 1, each at most as large as the
# > field before it.

# %%
drill("gridding-cells")

# %% [markdown]
# ## Transposed convolution
#
# **Question.** A strided convolution makes maps smaller. Segmentation, super-resolution and generators need
# the opposite: larger maps, with weights that can be learned. What is the natural counterpart?
#
# **Intuition.** Turn the arrows round. A convolution *reads* a window for each output; the transposed
# convolution *stamps* its kernel, times the value of the cell, for each input, every $s$ cells, and adds up
# where stamps overlap.

# %%
x, w = np.array([2.0, 1, 3]), np.array([1.0, 2, -1])
y = loops.conv2d_transpose(x[None, :, None], w[None, :, None, None], stride=2)[0, :, 0]
sums = " ".join(f"{value:.0f}" for value in y)
caption = f"Three inputs stamp a kernel of three, two cells apart: {sums}. Cells 2 and 4 get two stamps."
figures.show(figures.draw_stamps, x, w, 2, caption=caption, size=(6, 3.2))

# %% [markdown]
# **Formula.** $y_{\,i s + m d} \mathrel{+}= x_i \cdot w_m$, then the padding of the convolution is
# **cropped**. From the first stamp to the last it is $n - 1$ steps, and the last one is as long as the span:
#
# $$n_\text{out} = (n - 1)\,s + d(K-1) + 1 - p_b - p_a + p_\text{output}$$
#
# Two signs are the other way round than you may expect: the stride *enlarges*, and padding makes the output
# *smaller*.
#
# **The literal loops** are the scatter-add that you will meet again as the gradient of the convolution. Note
# the `+=`:


# %%
def transpose_by_loops(x, w, stride, dilation=1):
    y = np.zeros((len(x) - 1) * stride + dilation * (len(w) - 1) + 1)
    for i in range(len(x)):
        for m in range(len(w)):
            y[i * stride + m * dilation] += x[i] * w[m]
    return y


# %% [markdown]
# **Three more ways to the same numbers**: loop over the few taps and let NumPy do the rest; put $s - 1$
# zeros between the inputs and slide the flipped kernel over them with full padding (no further flip); write
# the convolution as a matrix (chapter 01) and transpose it.

# %%
by_taps = np.zeros(7)
for m, weight in enumerate(w):
    by_taps[m : m + 5 : 2] += weight * x
stuffed = upsampling.zero_stuff(x[:, None, None], 2)[:5, 0, 0]
by_zeros = np.correlate(np.pad(stuffed, 2), w[::-1], "valid")
matrix = linear.toeplitz_matrix(w[None, :, None, None], (1, 7), stride=(1, 2))

# %%
results = {"loops": transpose_by_loops(x, w, 2), "taps": by_taps, "zeros": by_zeros, "matrix.T": matrix.T @ x}
for name, result in results.items():
    print(f"{name:9} {result}  same: {np.array_equal(result, y)}")

# %% [markdown]
# **Does it undo the convolution?** It is also called *deconvolution*, and that name is wrong.
# (*Fractionally strided convolution* is another name, for the form with zeros between the inputs: there the
# window moves by $1/s$ of an input cell.) With $T$ for the matrix of the convolution, $Y = TX$, the
# transposed convolution gives $T^\top Y = T^\top T X$, and $T^\top T$ is not the identity. It restores the
# *shape*, not the values:

# %%
original = np.arange(1.0, 8)
there = matrix @ original
back = matrix.T @ there
print("x       ", original)
print("T x     ", there, " (3 numbers: information is gone)")
print("Tᵀ T x  ", back, " same shape, other values")

# %% [markdown]
# **What is `output_padding` for?** A convolution with stride 2 maps several sizes to one. Going back,
# somebody has to say which it was:

# %%
options = {"stride": 2, "padding": 1}
for n in (7, 8):
    small = shapes.conv_output_size(n, 3, **options)
    back = [shapes.conv_transpose_output_size(small, 3, output_padding=extra, **options) for extra in (0, 1)]
    print(f"{n} -> {small} -> {back[0]} with output_padding 0, {back[1]} with output_padding 1")

# %% [markdown]
# `output_padding` adds cells to the *size* at the end; it does not pad the input and it does not write zeros
# into the result (stamps may reach into the extra cells). It must be less than the stride, because only $s$
# sizes share one output size. (PyTorch also allows less than the dilation.)
#
# > [!FRAMEWORKS] Transposed layers
# > **Keras** `Conv2DTranspose(padding="same")` gives $n \cdot s$. **PyTorch** `ConvTranspose2d` takes the
# > padding of the forward convolution and `output_padding`; its weights are
# > `(C_in, C_out / groups, K_H, K_W)`, input channels *first*, unlike in `Conv2d`. **ONNX** has `pads` and
# > `output_padding`; if you give `output_shape` instead, `auto_pad` decides at which end an odd cell is
# > cropped. In all of them `padding` *removes* cells. Here `conv2d_transpose` takes the very weights and
# > options of the `conv2d` that it transposes. The number of parameters is that of an ordinary convolution:
# > $K_H K_W C_\text{in} C_\text{out}$, and one bias for each *output* channel.

# %%
forward = {"stride": 2, "padding": ((1, 1), (0, 1)), "dilation": (1, 2)}
rng = np.random.default_rng(2)
image, weights = rng.normal(size=(8, 9, 3)), rng.normal(size=(3, 2, 3, 4))
small = vectorized.conv2d(image, weights, **forward)
error = rng.normal(size=small.shape)
gradient = vectorized.conv2d_backward(error, image, weights, **forward)[0]
enlarged = vectorized.conv2d_transpose(error, weights, output_padding=1, **forward)
print("maps", small.shape, "back to", enlarged.shape)
print("equals the gradient of conv2d:", np.allclose(enlarged, gradient))

# %% [markdown]
# Now you: sizes first, then the stamps.

# %%
drill("transposed-output-size")

# %%
drill("transposed-by-hand")

# %%
drill("output-padding-needed")

# %% [markdown]
# ## Checkerboard artefacts
#
# **Question.** Generated images often show a fine chess pattern. Where does it come from?
#
# **Intuition.** Count the stamps on each output cell. If the stride does not divide the kernel, neighbours
# get different numbers of them.

# %%
maps = {}
for kernel_size in (2, 3, 4):
    counts = borders.stamp_counts(5, kernel_size, stride=2)
    maps[f"K={kernel_size}, stride 2"] = np.outer(counts, counts)
inner = [sorted({int(v) for v in counts[3:-3, 3:-3].flat}) for counts in maps.values()]
caption = f"Stamps on each output cell. Away from the border K=2 gets {inner[0]}, K=3 gets {inner[1]}, K=4 gets {inner[2]}."
figures.show(figures.draw_counts, maps, caption=caption, size=(9, 3.2))

# %% [markdown]
# With $K=3$, $s=2$ and all weights 1 a constant map comes out as 1, 2, 4 times its value, in a
# checkerboard. Look back: it is the same pattern as 'K=3, stride 2' among the use counts. So the *gradient*
# of a strided 3×3 convolution has a checkerboard too.
#
# **Is $K = 4$ enough?** The counts are equal then, but each cell of a 2×2 block still meets its own four
# weights. Untrained weights therefore make a pattern all the same; training can remove it, and with $K = 3$
# it has to work against the counts. The alternative is to separate the two jobs: *first enlarge with fixed
# interpolation, then convolve at stride 1* (resize convolution), where all cells meet the same
# weights: on a flat area they add up to the same everywhere.
#
# **Measured**: a constant map with eight channels; how much do neighbouring output cells differ, relative to
# the size of the outputs? Once with equal weights everywhere, once with 200 random kernels.


# %%
def unevenness(enlarge, kernels):
    shares = []
    for w in kernels:
        y = enlarge(np.ones((8, 8, 8)), w)[4:-4, 4:-4, 0]
        shares.append(y.std() / np.sqrt((y**2).mean()))
    return np.mean(shares)


def stamp(x, w):
    return vectorized.conv2d_transpose(x, w, stride=2)


def resize_then_convolve(x, w):
    return vectorized.conv2d(upsampling.nearest(x, 2), w.transpose(0, 1, 3, 2), padding="same")


# %%
rng = np.random.default_rng(0)
for name, enlarge, k in [("stamps", stamp, 3), ("stamps", stamp, 4), ("resize", resize_then_convolve, 3)]:
    equal = unevenness(enlarge, [np.ones((k, k, 1, 8))])
    untrained = unevenness(enlarge, rng.normal(size=(200, k, k, 1, 8)))
    print(f"{name} K={k}: equal weights {equal:.2f}, random weights {untrained:.2f}")

# %% [markdown]
# With equal weights $K = 4$ is free of the pattern; with random weights it is no better than $K = 3$. So an
# equal overlap makes a smooth result *possible*, it does not give one. On a flat area the resize
# convolution cannot make the pattern at all. A transposed convolution can also be *born* without it: with
# the weights of bilinear interpolation (for stride 2: $[1, 3, 3, 1]/4$ along each axis, $K = 4$, padding
# 1). Fully convolutional networks started their upsampling layers there.

# %%
tent = np.array([1.0, 3, 3, 1]) / 4
bilinear_kernel = np.outer(tent, tent)[..., None, None]
small = data.photo("camera", size=24, mode="gray", dtype=np.float64)[..., None]
learned_start = vectorized.conv2d_transpose(small, bilinear_kernel, stride=2, padding=1)
inside = (slice(1, -1), slice(1, -1))
same = np.allclose(learned_start[inside], upsampling.bilinear(small, 2)[inside])
print("equals bilinear interpolation inside:", same)

# %% [markdown]
# **Play.** The same explorer in its transposed mode: the large grid is the output now, and its numbers are
# stamps. Change the kernel from 3 to 4 and back; set a padding and watch which part is cropped; set an output
# padding that is too large.

# %%
GeometryExplorer("transposed, checkerboard")

# %%
drill("checkerboard-free")

# %%
drill("bug-transposed")

# %% [markdown]
# ## Other ways to upsample
#
# **Question.** Which ways are there from a small map to a large one, and where in a network does the
# upsampling go?
#
# Networks with dense outputs need it: a class for every pixel (segmentation), a larger picture
# (super-resolution), a picture from noise (generators). Either earlier layers shrank the map to see far and
# to save work, or the network begins with a small one.
#
# | way | what it does | learned | remark |
# |---|---|---|---|
# | nearest | every cell becomes a block | no | cheap, blocky; a convolution after it smooths |
# | bilinear | straight lines between centres | no | smooth, blurs; the safe default |
# | unpooling | a maximum goes back to the place that it came from, the rest is 0 | no | needs the *switches* of the pooling layer (SegNet) |
# | transposed convolution | stamps | yes | $K$ divisible by $s$, or checkerboards |
# | pixel shuffle | $r^2$ channels become an $r \times r$ block | the convolution before it | all work at low resolution (ESPCN) |

# %%
large = data.photo("chelsea", size=96, mode="gray", dtype=np.float64)[..., None]
pooled, switches = upsampling.pool_with_switches(large, 4)
ones = np.ones((5, 5, 1, 1)) / (25 / 16)  # keeps the brightness on average
ways = {
    "original, 96×96": large,
    "max-pooled, 24×24": pooled,
    "nearest": upsampling.nearest(pooled, 4),
    "bilinear": upsampling.bilinear(pooled, 4),
    "unpooling": upsampling.unpool(pooled, switches, 4),
    "transposed, K=5, s=4": vectorized.conv2d_transpose(pooled, ones, stride=4)[:96, :96],
}

# %%
errors = {name: np.abs(ways[name] - large).mean() for name in list(ways)[2:]}
distances = ", ".join(f"{name} {error:.2f}" for name, error in errors.items())
caption = f"Mean distance from the original: {distances}."
pictures = [way[..., 0].clip(0, 1) for way in ways.values()]
figures.show(figures.draw_gallery, pictures, list(ways), columns=3, caption=caption, size=(9, 6.4))

# %% [markdown]
# None of these pictures is an end product: a convolution follows, which fills the gaps of the unpooling and
# can smooth the blocks. The bright grid in the last picture is the checkerboard of $K = 5$, $s = 4$.
#
# **Pixel shuffle in two lines.** The channels of a cell hold the sub-pixels of its block: reshape, move axes,
# reshape. Nothing is computed, numbers only move. **Predict** the shape for a 6×5×12 map and $r = 2$.

# %%
maps = np.arange(6 * 5 * 12.0).reshape(6, 5, 12)
shuffled = maps.reshape(6, 5, 2, 2, 3).transpose(0, 2, 1, 3, 4).reshape(12, 10, 3)
same = np.array_equal(shuffled, upsampling.pixel_shuffle(maps, 2))
print(maps.shape, "->", shuffled.shape, " library agrees:", same)

# %% [markdown]
# In general $H \times W \times C r^2 \to Hr \times Wr \times C$. TensorFlow's `depth_to_space` reads the
# channels in the order (row, column, channel), PyTorch's `PixelShuffle` in the order (channel, row, column):
# another trap for ported weights. A convolution followed by a pixel shuffle *is* a transposed convolution
# whose kernel is $r$ times as large and whose stride is $r$, only stored differently, so it starts with a
# checkerboard too unless the $r^2$ sub-kernels start equal (ICNR).
#
# **Where does it go? Late.** A 3×3 layer from 64 to 64 channels costs 16 times as much on a map four times as
# large along each axis. Super-resolution networks therefore work at low resolution and enlarge at the very
# end:

# %%
early = shapes.count_conv_macs(256, 3, 64, 64)
late = shapes.count_conv_macs(64, 3, 64, 64)
costs = {"after ×4 upsampling, 256×256": early, "before it, 64×64": late}
caption = (
    f"One 3×3 layer, 64 to 64 channels: {early:,} multiply-adds large, {late:,} small: {early // late} to 1."
)
figures.show(figures.draw_cost_bars, costs, unit="multiply-adds", log=False, caption=caption, size=(8, 1.6))

# %% [markdown]
# > [!INTERVIEW] Encoder and decoder
# > An encoder shrinks (far view, little work), a decoder enlarges. What pooling and strides threw away, no
# > upsampling brings back; it comes over **skip connections** from the encoder (U-Net), or was never thrown
# > away (dilation). A generator of a GAN is a decoder alone, from a noise vector to an image: DCGAN used
# > transposed convolutions, many later ones resize and convolve, because of the checkerboards.

# %%
drill("pixel-shuffle-shape")

# %%
drill("explain-upsampling")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. Room to travel, divided by the stride, rounded down, plus one. The remainder is dropped at the end.
# 2. Same means $K-1$ in total at stride 1: (1, 1) for 3, (1, 2) for 4. With a stride, TensorFlow's same is
#    $\lceil n/s \rceil$ and may be asymmetric: equal shapes, shifted windows.
# 3. Border pixels have fewer votes, and zeros darken. Reflection keeps the brightness; $p \le n - 1$.
# 4. Dilation widens the view for free, but equal rates above 1 leave gaps in every field.
# 5. A transposed convolution stamps: the stride enlarges, padding crops. It restores shape, not values; if
#    $s$ does not divide $K$, it makes checkerboards.
#
# | Formula | |
# |---|---|
# | $n_\text{out} = \lfloor (n + p_b + p_a - d(K-1) - 1) / s \rfloor + 1$ | convolution, per axis |
# | $(n + p_b + p_a - d(K-1) - 1) \bmod s$ | padded cells dropped at the end |
# | $d(K-1)$ | total same padding at stride 1; full pads it twice, causal before only |
# | $\max((\lceil n/s \rceil - 1)s + d(K-1) + 1 - n,\; 0)$ | total same padding with a stride (TensorFlow, ONNX) |
# | $(n-1)s + d(K-1) + 1 - p_b - p_a + p_\text{output}$ | transposed convolution |
# | $H \times W \times C r^2 \to Hr \times Wr \times C$ | pixel shuffle |

# %% [markdown]
# ## Drills
#
# Those that you met above come back in your reviews with other numbers. Here are the rest of the deck:
# formulas to type, and answers to say aloud.

# %%
drill("transposed-size-formula")

# %%
drill("same-total-formula")

# %% [markdown]
# Say these aloud, as in an interview, before you compare.

# %%
drill("explain-paddings")

# %%
drill("explain-not-an-inverse")

# %%
drill("explain-gridding")

# %% [markdown]
# ## Sources
#
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning* (2016): the size formulas,
#   convolution and transposed.
# - TensorFlow's documentation of SAME padding and ONNX's operators Conv and ConvTranspose: 224, $K=7$, $s=2$
#   pads (2, 3).
# - A. Krizhevsky, I. Sutskever and G. Hinton, *ImageNet Classification with Deep Convolutional Neural
#   Networks* (2012): 11×11, stride 4, 55×55 outputs, and an input size that needs 227 or a padding of 2.
# - A. Odena, V. Dumoulin and C. Olah, *Deconvolution and Checkerboard Artifacts* (Distill, 2016): overlap
#   counts and the resize convolution.
# - P. Wang and others, *Understanding Convolution for Semantic Segmentation* (2018): gridding and hybrid
#   dilation.
# - L.-C. Chen and others, *DeepLab* (2017), and A. van den Oord and others, *WaveNet* (2016): dilation at
#   work.
# - M. A. Islam, S. Jia and N. Bruce, *How much Position Information Do Convolutional Neural Networks Encode?*
#   (2020): zeros give away the place.
# - W. Shi and others, *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
#   Convolutional Neural Network* (2016): pixel shuffle. A. Aitken and others, *Checkerboard artifact free
#   sub-pixel convolution* (2017): equal sub-kernels at the start.
# - M. Zeiler and R. Fergus, *Visualizing and Understanding Convolutional Networks* (2014), V. Badrinarayanan
#   and others, *SegNet* (2017): unpooling with switches. J. Long, E. Shelhamer and T. Darrell, *Fully
#   Convolutional Networks for Semantic Segmentation* (2015): bilinear weights at the start.
# - T. He and others, *Bag of Tricks for Image Classification with Convolutional Neural Networks* (2019): the
#   shortcut that reads all pixels.
