# %% [markdown]
# # Chapter 05. Backpropagation: where every gradient goes
#
# **After this chapter you can answer**
#
# 1. Derive the gradients of a convolution with respect to its input, weights and bias, for any stride, padding and dilation.
# 2. A kernel weight is used at every position. Is its gradient the sum, the mean or the maximum over the uses?
# 3. How does a gradient pass through max pooling, average pooling, a ReLU, batch norm, softmax with cross-entropy?
# 4. How do you know that a hand-written gradient is right?
# 5. Why do gradients vanish or explode with depth, and what exactly does a skip connection change?
# 6. Why does training need so much more memory than inference, and what does checkpointing cost?
#
# **Time** 60 minutes to read and play, 60 more for the drills: this is the chapter to practise on paper.
#
# **Builds on** chapter 01 (the indexed formula of the layer) and the first half of chapter 02 (padding, stride, dilation). From
# mathematics you need the derivative of a function of one variable and the idea that small changes add up.
#
# Every line of the derivation is followed by a few lines of code that check it. Do not believe a line that has not been checked.

# %%
import numpy as np

from cnnkit import activations, checkpointing, data, figures, gradient_depth, layers, losses
from cnnkit.drills import drill
from cnnkit.gradcheck import check_gradient, numeric_gradient, relative_error
from cnnkit.kernels import gradients, linear, loops, vectorized
from cnnkit.network import Sequential
from cnnkit.normalization import batch_norm, batch_norm_backward
from cnnkit.optim import Adam
from cnnkit.widgets import GradientFlow

# %% [markdown]
# ## The chain rule, one number at a time
#
# **Question.** A network has made an error. Which of its weights should change, in which direction, and how strongly?
#
# **Intuition.** Turn a weight a little and see how much the loss moves: that quotient is the gradient. Trying it with each of a
# million weights would take a million runs. Backpropagation gets all of them from one walk backwards, because each step of the
# computation only needs to know two things: the gradient that the step after it hands back, and its own local slope.
#
# Take the smallest network there is, $z = wx + b$, $a = \mathrm{relu}(z)$, $J = \tfrac12 (a - t)^2$.

# %%
w, x, b, t = 2.0, 3.0, -1.0, 8.0
z = w * x + b
a = max(z, 0.0)
J = 0.5 * (a - t) ** 2
print(f"z = {z}, a = {a}, J = {J}")

# %% [markdown]
# **Predict.** If $w$ grows by 0.01, does $J$ grow or shrink, and by about how much?
#
# **Formula.** Walk backwards. The first gradient is the slope of the loss itself; after it, each multiplies one already found by the
# slope of one step:
#
# $$\frac{\partial J}{\partial a} = a - t \qquad
# \frac{\partial J}{\partial z} = \frac{\partial J}{\partial a} \cdot \mathrm{relu}'(z) \qquad
# \frac{\partial J}{\partial w} = \frac{\partial J}{\partial z} \cdot x \qquad
# \frac{\partial J}{\partial x} = \frac{\partial J}{\partial z} \cdot w \qquad
# \frac{\partial J}{\partial b} = \frac{\partial J}{\partial z}$$

# %%
da = a - t
dz = da * (z > 0)
dw, dx, db = dz * x, dz * w, dz
print(f"da = {da}, dz = {dz}, dw = {dw}, dx = {dx}, db = {db}")

# %%
nodes = [("w", w, dw), ("w·x + b", z, dz), ("relu", a, da), ("½(a − t)²", J, 1.0)]
caption = f"Values go forwards (above), gradients backwards (below): dw = {figures.format_number(dw)}, so w + 0.01 lowers J by about 0.09."
figures.show(figures.draw_chain, nodes, caption=caption, size=(8, 2.2))

# %% [markdown]
# Two names for the rest of the chapter. $\delta = \partial J/\partial z$, the gradient *before* the activation, is called the
# **error** of a unit. And `dw` in code always means $\partial J/\partial w$, an array of the shape of $w$.
#
# One more rule, and we have all we need. When a number is used **several times**, the gradients of its uses **add up**: $J$ changes
# through each of them, and small changes add. The check is a finite difference: move one number by $\pm h$ and look at $J$.


# %%
def twice(w):
    return 0.5 * (w[0] * 3.0 + w[0] ** 2 - 8.0) ** 2  # w is used twice


by_hand = (2.0 * 3.0 + 2.0**2 - 8.0) * (3.0 + 2 * 2.0)  # error times (use one + use two)
print("by hand:", by_hand, "- agrees:", np.allclose(numeric_gradient(twice, np.array([2.0])), by_hand))

# %%
drill("scalar-chain")

# %% [markdown]
# ## The weight gradient
#
# **Question.** A kernel weight is used at every position of the image. What is its gradient?
#
# **Intuition.** Pretend that every position had a weight of its own, compute all those gradients, and add them up: that is the rule
# from above. At one position the gradient is *error times what the weight met there*.
#
# **Formula.** The layer of chapter 01, with the padded input $\tilde x$, stride $s$ and dilation $d$. As an index, $a$ is the number of
# the image in the batch (on its own, $a$ stays the activation):
#
# $$z_{a,i,j,k} = b_k + \sum_{m,n,c} \tilde x_{a,\,is+md,\,js+nd,\,c}\; w_{m,n,c,k}
# \qquad\Longrightarrow\qquad
# \frac{\partial J}{\partial w_{m,n,c,k}} = \sum_{a} \sum_{i,j} \delta_{a,i,j,k}\; \tilde x_{a,\,is+md,\,js+nd,\,c}$$
#
# **The literal loops** for one channel, one filter and one image, on a board with awkward options:

# %%
rng = np.random.default_rng(5)
options = {"stride": 2, "padding": 1, "dilation": 2}
board, kernel = rng.integers(0, 6, (6, 7)).astype(float), rng.integers(-2, 3, (2, 3)).astype(float)
padded = np.pad(board, 1)
delta = rng.integers(-3, 4, (3, 3)).astype(float)


# %%
def weight_gradient(delta, padded, size, s, d):
    dw = np.zeros(size)
    for i, j in np.ndindex(delta.shape):
        for m, n in np.ndindex(size):
            dw[m, n] += delta[i, j] * padded[i * s + m * d, j * s + n * d]
    return dw


# %% [markdown]
# How can a formula for $\partial J / \partial w$ be checked when there is no loss yet? Take the loss $J = \sum \delta_{ij} z_{ij}$. It
# is linear in $z$, and its error is exactly $\delta$; that is all that a layer ever gets to see of a loss.


# %%
def conv(x, w):
    return vectorized.conv2d(x[..., None], w[..., None, None], **options)[..., 0]


dw = weight_gradient(delta, padded, kernel.shape, 2, 2)
print(dw)
print("agrees:", bool(check_gradient(lambda w: (conv(board, w) * delta).sum(), kernel, dw)))

# %% [markdown]
# The sum over $i, j$ is a correlation: at stride and dilation 1 the error slides over the (padded!) input like a kernel. In general
# **stride and dilation change places**: weight $m$ moves in steps of $d$, and errors lie $s$ cells apart. So the forward code can
# compute it, with the error as a kernel whose dilation is the old stride. (Rows that the floor of the output size dropped can make
# the result too large; only its first $K_H \times K_W$ entries are $dw$.)

# %%
small, errors = board[:5, :5], delta[:, :3]
small_dw = vectorized.conv2d(small[..., None], errors[..., None, None])[..., 0]
shown = {"input x": small, "errors δ of a 3×3 kernel": errors, "dw": small_dw}
frames = {"input x": [(0, 0, 3, 3, "orange")], "dw": [(0, 0, 1, 1, "orange")]}
caption = f"Stride 1: the error slides over the input. Its first window gives dw[0, 0] = {figures.format_number(small_dw[0, 0])}."
figures.show(figures.draw_matrices, shown, cmap="signed", highlight=frames, caption=caption, size=(8, 2.9))

# %%
swapped = gradients.dw_by_correlation(delta[..., None], board[..., None], kernel.shape, **options)
print("one convolution, stride and dilation swapped:", np.array_equal(swapped[..., 0, 0], dw))

# %% [markdown]
# > [!MISTAKE] The unpadded input
# > The sum reads $\tilde x$, the *padded* input. With the plain $x$ every index is off by the padding. Code that skips the cells outside
# > does not even crash, nor does code that slices, because NumPy silently shortens a slice that runs over the edge. Only a gradient
# > check tells.

# %%
wrong = weight_gradient(delta, np.pad(board, (0, 2)), kernel.shape, 2, 2)
print("with x[0, 0] where the padding should be:", relative_error(wrong, dw).max().round(2), "relative error")

# %% [markdown]
# > [!SAY] What is the gradient of a shared weight?
# > The **sum** of what each use would ask for, by the multivariate chain rule; not a mean, not a maximum. For a convolution this sum
# > over positions (and images) is itself a correlation of the padded input with the output error.

# %%
drill("dw-by-hand")

# %%
drill("conv-dw-code")

# %% [markdown]
# ## The bias gradient and the batch
#
# **Question.** The bias has no $x$ to multiply with. And what does the batch change?
#
# **Formula.** $b_k$ is added once at every position of every image, with slope 1:
#
# $$\frac{\partial J}{\partial b_k} = \sum_{a,i,j} \delta_{a,i,j,k}$$
#
# The weights are shared by the images of the batch exactly as they are by the positions of one image, so $dw$ sums over $a$ too. If
# the loss is a *mean* over the batch, its $1/N$ is in $\delta$ from the start, and nobody divides again later. The layer's own input
# gradient is *not* summed: every image has its own.

# %%
images, filters, biases = rng.normal(size=(3, 6, 5, 2)), rng.normal(size=(3, 2, 2, 4)), rng.normal(size=4)
batch_delta = rng.normal(size=vectorized.conv2d(images, filters, **options).shape)
db = batch_delta.sum(axis=(0, 1, 2))


def loss_of_b(b):
    return (vectorized.conv2d(images, filters, b, **options) * batch_delta).sum()


print("db agrees:", bool(check_gradient(loss_of_b, biases, db)))

# %%
dx, dw, db = vectorized.conv2d_backward(batch_delta, images, filters, **options)
one_by_one = [vectorized.conv2d_backward(e, i, filters, **options)[1] for e, i in zip(batch_delta, images)]
print("dw of the batch = sum of the images' dw:", np.allclose(dw, sum(one_by_one)))
print("shapes:", dx.shape, dw.shape, db.shape)

# %% [markdown]
# Each of the two sums below is a question of its own in interviews.

# %%
drill("db-sum")

# %%
drill("bug-batch-sum")

# %% [markdown]
# ## The input gradient: a scatter
#
# **Question.** The layer below needs its share of the blame. What is $\partial J / \partial x$?
#
# **Intuition.** In the forward pass, output $(i,j)$ *read* the cells of its window. Backwards it *writes* to the same cells: it stamps
# its error, times the kernel, where its window was. Where windows overlap, the stamps add up.
#
# **Formula.** For every output position and every tap:
#
# $$\widetilde{dx}_{\,is+md,\;js+nd,\;c} \mathrel{+}= \sum_k \delta_{i,j,k}\; w_{m,n,c,k}
# \qquad\text{then crop the padding away}$$
#
# The padding was a constant, not an input: what arrives there is thrown away.
#
# **Predict.** Kernel 2×2, stride 2, four errors, a 5×5 input. Which cells of $dx$ are zero whatever the errors are?

# %%
stamp, four = np.array([[1.0, 2], [3, -1]]), np.array([[2.0, -1], [1, 3]])
stamps = []
for i, j in np.ndindex(four.shape):
    alone = np.zeros((5, 5))
    alone[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = four[i, j] * stamp
    stamps.append((f"δ[{i}, {j}] = {figures.format_number(four[i, j])}", alone))

# %%
caption = (
    f"Each error stamps its multiple of the kernel; {int((sum(s for _, s in stamps) == 0).sum())} cells get nothing: "
    "the floor of the output size dropped the last row and column."
)
figures.show(figures.draw_stamps_sum, stamps, sum(s for _, s in stamps), caption=caption, size=(10, 2.4))

# %% [markdown]
# **The literal loops.** The forward loops, with reading and writing exchanged:


# %%
def input_gradient(delta, w, size, s, p, d):
    dx = np.zeros((size[0] + 2 * p, size[1] + 2 * p))
    for i, j in np.ndindex(delta.shape):
        for m, n in np.ndindex(w.shape):
            dx[i * s + m * d, j * s + n * d] += delta[i, j] * w[m, n]
    return dx[p : p + size[0], p : p + size[1]]


# %%
dx = input_gradient(delta, kernel, board.shape, 2, 1, 2)
print("agrees:", bool(check_gradient(lambda x: (conv(x, kernel) * delta).sum(), board, dx)))

# %% [markdown]
# > [!MISTAKE] `=` for `+=`
# > With windows that do not overlap, assigning gives the right answer. With overlap, each cell keeps only its last visitor. Test
# > backward passes with a kernel larger than the stride.
#
# > [!MISTAKE] The formula of the textbooks
# > Often printed: $\delta^{(l-1)}_{i,j,c} = \sum_{k,m,n} \delta_{i-m,\,j-n,\,k}\, w_{m,n,c,k}$. That holds for stride 1, no padding and
# > dilation 1 only, and it silently takes every $\delta$ outside its range as zero. Used with other options it is wrong:


# %%
def textbook(delta, w, size):
    dx = np.zeros(size)
    for i, j in np.ndindex(size):
        for m, n in np.ndindex(w.shape):
            if 0 <= i - m < delta.shape[0] and 0 <= j - n < delta.shape[1]:
                dx[i, j] += delta[i - m, j - n] * w[m, n]
    return dx


plain = vectorized.conv2d_backward(delta[..., None], board[:4, :5, None], kernel[..., None, None])[0]
print("stride 1, no padding: agrees:", np.allclose(textbook(delta, kernel, (4, 5)), plain[..., 0]))
print("stride 2, padding 1, dilation 2: agrees:", np.allclose(textbook(delta, kernel, board.shape), dx))

# %% [markdown]
# Your turn: by hand, as an index, as code.

# %%
drill("dx-by-hand")

# %%
drill("scatter-index-formula")

# %%
drill("conv-dx-code")

# %% [markdown]
# ## The input gradient as a full convolution
#
# **Question.** "The input gradient is a convolution with the flipped kernel." What exactly is flipped, and what about the stride?
#
# **Intuition.** Change the point of view: stand on one *input* cell and ask who writes to it. With stride 1 (and no padding or
# dilation), output $i - m$ does, with weight $m$: the kernel runs backwards. That is a mathematical convolution, and its window hangs over the edge of $\delta$ by up to
# $d(K-1)$ cells, so $\delta$ is padded by that much ('full').
#
# Four steps turn any case into that one:
#
# 1. **Zero-stuff** $\delta$: put $s-1$ zeros between its cells, so that errors lie as far apart as their windows did.
# 2. **Turn** the kernel by 180° *and* **swap its channel axes**: $w'_{m,n,k,c} = w_{K_H-1-m,\,K_W-1-n,\,c,\,k}$. The filters are now the
#    input channels.
# 3. **Pad** by $d(K-1)$ on each side and correlate with stride 1 and dilation $d$.
# 4. **Crop** the forward padding; cells behind the last window, which the floor dropped, get 0.

# %%
stuffed = gradients.zero_stuff(four[..., None], 2)[..., 0]
turned = stamp[::-1, ::-1]
full = loops.conv2d(np.pad(stuffed, 1)[..., None], turned[..., None, None])[..., 0]
caption = f"Same errors, same kernel as above: {full.shape[0]}×{full.shape[1]} cells, and the same numbers as the stamps."
figures.show(figures.draw_full_convolution, np.pad(stuffed, 1), turned, full, caption=caption, size=(9, 3))

# %%
summed = sum(s for _, s in stamps)
print("equal to the stamps:", np.array_equal(full, summed[:4, :4]))

# %% [markdown]
# Step 2 has the trap that the usual phrase hides. With several channels, $dx$ has $C_\text{in}$ channels and $\delta$ has $C_\text{out}$, so
# the axes of the kernel *must* change places. If the two numbers differ a forgotten swap crashes; if they are equal it is silently wrong.

# %%
square = rng.normal(size=(3, 3, 4, 4))
some = rng.normal(size=(1, 5, 5, 4))
right = gradients.dx_by_full_convolution(some, square, (7, 7))
unswapped = vectorized.conv2d(some, square[::-1, ::-1].copy(), padding=2)
print(f"channels not swapped: {relative_error(unswapped, right).max():.1f} relative error, and no message")

# %% [markdown]
# > [!FRAMEWORKS] The same thing under another name
# > This operation as a layer of its own is the *transposed convolution* (`conv_transpose2d` in PyTorch, `Conv2DTranspose` in Keras):
# > chapter 02. Zero-stuffing is a way to think; libraries do not multiply with the zeros.

# %%
drill("bug-missing-flip")

# %%
drill("full-padding-formula")

# %% [markdown]
# ## The input gradient as a transposed matrix
#
# **Question.** Is there a form in which nothing needs to be derived?
#
# **Formula.** A convolution without bias is linear, $z = Tx$ with the Toeplitz matrix of chapter 01. For $J = \delta^\top T x$ the gradient
# can be read off:
#
# $$dx = T^\top \delta$$
#
# Each row of $T$ says what one output reads; each column says who reads one input. The forward pass goes through the rows, the
# backward pass through the columns.

# %%
matrix = linear.toeplitz_matrix(kernel[..., None, None], board.shape, **options)
print("T has the shape", matrix.shape, "- same dx:", np.array_equal(matrix.T @ delta.ravel(), dx.ravel()))

# %% [markdown]
# **Proof** that the three forms are one operation, on two hundred random cases: shapes, strides up to 3, paddings, dilations, several
# channels and images. Each form is compared with the literal loops, relative to the largest entry:

# %%
forms = (gradients.dx_by_scatter, gradients.dx_by_full_convolution, gradients.dx_by_toeplitz)
worst = 0.0
for seed in range(200):
    dz, x, w, how = gradients.random_case(seed)
    by_loops = loops.conv2d_backward(dz, x, w, **how)[0]
    gaps = [np.abs(form(dz, w, x.shape[1:3], **how) - by_loops).max() for form in forms]
    worst = max(worst, max(gaps) / np.abs(by_loops).max())
print("200 cases, all differences below 1e-14:", worst < 1e-14)

# %% [markdown]
# They agree to machine precision, not just closely. To read each of the three, put `??` behind its name: `gradients.dx_by_scatter`,
# `gradients.dx_by_full_convolution`, `gradients.dx_by_toeplitz`. None is longer than fifteen lines of code.
#
# > [!INTERVIEW] "How is the backward pass of a convolution computed?"
# > Three answers, one operation: scatter-add (the chain rule as it stands), full convolution of the zero-stuffed error with the turned,
# > channel-swapped kernel (each input cell gathers its own sum, so all can be computed at once), transposed matrix (why it must be so). Then say what a good candidate adds: the
# > cost. $dx$ and $dw$ take as many multiply-adds as the forward pass *each*, so a training step is about three forward passes.

# %% [markdown]
# ## The activation's derivative
#
# **Question.** Many derivations hand $\delta^{(l-1)} = \partial J / \partial x^{(l-1)}$ to the layer below. What is missing?
#
# The input of this layer is the *activation* of the layer below, $x = a^{(l-1)} = f(z^{(l-1)})$. The error of that layer is taken before
# its activation, so one factor is still due:
#
# $$\delta^{(l-1)} = \frac{\partial J}{\partial z^{(l-1)}} = \underbrace{\frac{\partial J}{\partial a^{(l-1)}}}_{dx\ \text{of layer}\ l} \odot f'(z^{(l-1)})$$
#
# For ReLU the factor is a mask: 1 where $z > 0$, else 0. Note what the mask looks at: the forward *value* $z$, not the sign of the
# error. At $z = 0$ exactly there is no derivative; every number from 0 to 1 is a subgradient, and frameworks take 0. With random weights
# $z$ is practically never exactly 0, except on a patch of zeros with bias 0; the choice does not disturb training.
#
# Two layers in plain NumPy, a favourite at the whiteboard. Shapes are your safety net: every gradient has the shape of its array.
# The bias gradients sum over the batch; the $1/N$ of a mean loss is already in `dy`.

# %%
x, w1, b1 = rng.normal(size=(5, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
w2, b2, dy = rng.normal(size=(4, 2)), rng.normal(size=2), rng.normal(size=(5, 2))
z = x @ w1 + b1
h = np.maximum(z, 0)
y = h @ w2 + b2

# %%
dw2, db2, dh = h.T @ dy, dy.sum(axis=0), dy @ w2.T
dz = dh * (z > 0)  # the factor that gets forgotten
dw1, db1, dx = x.T @ dz, dz.sum(axis=0), dz @ w1.T


# %%
def loss_of_w1(w):
    return ((np.maximum(x @ w + b1, 0) @ w2 + b2) * dy).sum()


print("with the mask:   ", bool(check_gradient(loss_of_w1, w1, dw1)))
print("without the mask:", bool(check_gradient(loss_of_w1, w1, x.T @ dh)))

# %% [markdown]
# **Play.** Above stand the values, below each its gradient. Click an output to see which inputs and weights its error reaches, and with
# what product. Press *play* with 'all errors up to this one' to run the whole backward pass step by step. Click a cell of $x$ or $w$ to
# compare its gradient with a finite difference, and move the step $h$.
#
# Find out: which example leaves input cells that no error reaches? What happens to the errors when you switch the ReLU off? In
# 'saturated sigmoid', why are the errors so small although the outputs are far from the target 0?

# %%
GradientFlow()

# %% [markdown]
# The factor once as numbers, once in your own code, once as a bug to find.

# %%
drill("relu-errors")

# %%
drill("two-layer-backward-code")

# %%
drill("bug-activation-derivative")

# %% [markdown]
# ## Backward through pooling
#
# **Question.** Pooling has no weights. What does its backward pass do?
#
# **Max.** Only the winner of a window moved the result, so it takes the *whole* error, and the other cells get 0. The forward pass
# remembers who won ('switches'). **Average.** Every cell contributed $1/K^2$, so each gets that share. (With padding: one over the number of cells that were
# counted, chapter 03.) In both, windows that overlap *add* their messages.
#
# $$dx_{\,is+m^*,\,js+n^*} \mathrel{+}= \delta_{ij} \ \text{ with } (m^*, n^*) = \arg\max \text{ of the window}
# \qquad\qquad dx_{\,is+m,\,js+n} \mathrel{+}= \frac{\delta_{ij}}{K^2} \ \text{ for all } m, n$$
#
# **Predict.** A 3×3 window with stride 1 on the 4×4 map below, all four errors 1. How much does the cell 9 get from max pooling? How
# much does a corner get from average pooling?

# %%
field = np.array([[1.0, 3, 2, 0], [4, 9, 5, 2], [0, 6, 6, 1], [2, 1, 3, 7]])
ones = np.ones((2, 2, 1))
from_max = loops.max_pool2d_backward(ones, field[..., None], 3, stride=1)[..., 0]
from_mean = loops.avg_pool2d_backward(ones, (4, 4, 1), 3, stride=1)[..., 0]

# %%
shown = {"x": field, "dx, max 3×3 stride 1": from_max, "dx, average": from_mean.round(3)}
caption = f"The 9 wins all four windows and gets {from_max.max():.0f}; in the average a corner gets {from_mean[0, 0]:.2f}."
figures.show(figures.draw_matrices, shown, cmap="signed", caption=caption, size=(8.5, 3))

# %% [markdown]
# **Ties.** When two cells hold the maximum there is no derivative, only a choice. This library, PyTorch and most others let the first
# one take all. A central difference sees both sides and reports something else. A constant patch is the place to be surprised:

# %%
tied = np.array([[5.0, 5], [1, 0]])
taken = loops.max_pool2d_backward(np.ones((1, 1, 1)), tied[..., None])[..., 0]
print(
    "the library:", taken.ravel(), "- central difference:", numeric_gradient(lambda x: x.max(), tied).ravel()
)

# %% [markdown]
# > [!MISTAKE] A test that cannot see the bug
# > 2×2 pooling with stride 2 has no overlap, so `=` and `+=` give the same gradient. Test 3×3 with stride 2.

# %%
drill("overlapping-max-errors")

# %%
drill("max-pool-backward-batch")

# %% [markdown]
# ## A whole pass by hand
#
# **Question.** A real interview exercise: patch, 3×3 filter, ReLU, 2×2 max pooling with stride 2, target (7, 10), loss
# $\tfrac12\lVert o - t\rVert^2$. Compute everything forwards, then the gradients of the loss with respect to the pooled output, the
# convolution's output and the weights. The numbers are in the first two lines of the next cell (stride 1, no padding); take paper and
# do it before you look at the results.

# %%
patch = np.array([[1.0, 3, 2, 4, 6, 4], [4, 8, 3, 1, 0, 2], [2, 1, 4, 3, 9, 1], [4, 7, 2, 3, 9, 2]])
edge = np.array([[-1.0, 0, 1]] * 3)
z = loops.conv2d(patch[..., None], edge[..., None, None])
a = np.maximum(z, 0)
o = loops.max_pool2d(a, 2)
print("z:", z[..., 0].tolist(), "\na:", a[..., 0].tolist(), "\no:", o[..., 0].tolist())

# %%
target = np.array([[7.0, 10]])[..., None]
do = o - target
da = loops.max_pool2d_backward(do, a, 2)
dz = da * (z > 0)
dx, dw, _ = loops.conv2d_backward(dz, patch[..., None], edge[..., None, None])
print(f"loss {0.5 * (do**2).sum():.0f}\ndo: {do[..., 0].tolist()}\ndz: {dz[..., 0].tolist()}")
print("dw:", dw[..., 0, 0].tolist())

# %% [markdown]
# And here is the picture that texts on backpropagation leave out, with the numbers of this pass: values forwards in the upper row,
# gradients of the loss backwards in the lower one. Follow the $-5$: it enters the pooling, leaves it at the winner only, passes the
# ReLU (its $z$ was $2 > 0$) and spreads over the nine input cells of its window, times the weight of each: nothing for the middle
# column.

# %%
names = ["input x", "z = conv(x, w)", "a = relu(z)", "pooled o"]
values = list(zip(names, [patch, z[..., 0], a[..., 0], o[..., 0]]))
names = ["dx", "dz (the error δ)", "da", "do = o − t"]
errors = list(zip(names, [dx[..., 0], dz[..., 0], da[..., 0], do[..., 0]]))
caption = "Values above, gradients below: do = (−5, −1) becomes two errors in dz and spreads over two windows of dx."
figures.show(figures.draw_backward_flow, values, errors, caption=caption, size=(11, 4.2))


# %%
def loss_of_edge(w):
    z = loops.conv2d(patch[..., None], w[..., None, None])
    o = loops.max_pool2d(np.maximum(z, 0), 2)
    return 0.5 * ((o - target) ** 2).sum()


print("finite differences agree:", bool(check_gradient(loss_of_edge, edge, dw[..., 0, 0])))

# %% [markdown]
# ## Softmax and cross-entropy
#
# **Question.** What enters at the right-hand end of a classifier?
#
# **Formula.** $p_k = e^{z_k} / \sum_j e^{z_j}$ and $J = -\sum_k t_k \log p_k$. With $\partial p_k / \partial z_i = p_k(\mathbb{1}_{ki} - p_i)$
# (the softmax's Jacobian is a full matrix: each logit moves every probability),
#
# $$\frac{\partial J}{\partial z_i} = -\sum_k \frac{t_k}{p_k}\, p_k\, (\mathbb{1}_{ki} - p_i) = -t_i + p_i \sum_k t_k = p_i - t_i$$
#
# since the targets sum to 1. Everything complicated cancels. For a batch with a mean loss: $(p - t)/N$.

# %%
logits, labels = rng.normal(size=(4, 5)), np.array([0, 3, 3, 1])
loss, dlogits = losses.softmax_cross_entropy(logits, labels)
by_formula = (activations.softmax(logits) - np.eye(5)[labels]) / 4
print(
    "p - t over N:",
    np.allclose(dlogits, by_formula),
    "- each row sums to 0:",
    np.allclose(dlogits.sum(axis=1), 0),
)
numeric = numeric_gradient(lambda z: losses.softmax_cross_entropy(z, labels)[0], logits)
print("finite differences agree:", np.allclose(numeric, dlogits, atol=1e-8))

# %% [markdown]
# **Why not the squared error?** Behind a sigmoid $s$, the gradient of $\tfrac12 (s - t)^2$ with respect to the logit is
# $(s - t)\,s(1 - s)$: the slope stays. Cross-entropy, here $-t \log s - (1 - t) \log(1 - s)$, gives $s - t$ once more. Look at a unit
# with target 1, from undecided to sure and wrong:

# %%
for z_value in (0.0, -3.0, -7.0):
    s = activations.sigmoid(np.array([z_value]))[0]
    print(
        f"z = {z_value:4}: s = {s:.4f}, squared error {(s - 1) * s * (1 - s):9.5f}, cross-entropy {s - 1:8.4f}"
    )

# %% [markdown]
# Once $s$ is below $\tfrac13$, the more wrong the unit, the *less* the squared error asks for. Cross-entropy is also the negative log-likelihood of the labels, and
# convex in the logits, which the squared error behind a softmax is not.
#
# > [!SAY] Why cross-entropy and not mean squared error?
# > Its gradient with respect to the logits is simply $p - t$: large when the network is sure and wrong. The squared error multiplies
# > that by the slope of the sigmoid or softmax, which is nearly zero exactly then, so learning stalls. And cross-entropy is maximum
# > likelihood for class labels.

# %%
drill("softmax-errors")

# %%
drill("softmax-gradient-code")

# %%
drill("why-cross-entropy")

# %% [markdown]
# ## The picture: gradients flowing backwards
#
# Now all pieces work together in a real network. A small CNN learns handwritten digits for a few seconds. Then one digit goes
# forwards, and the gradient of its loss goes backwards through every layer.

# %%
digits, classes = data.digits()
images = digits[..., None].astype(np.float64)
steps = [
    layers.Conv2D(4, 3),
    layers.Activation("relu"),
    layers.MaxPool2D(2),
    layers.Flatten(),
    layers.Dense(10),
]
network = Sequential(steps, input_shape=(8, 8, 1), seed=3, dtype=np.float64)
history = network.fit(images[:900], classes[:900], epochs=8, optimizer=Adam(0.01), progress=False)

# %%
wrong = np.flatnonzero(network.predict(images[900:]).argmax(axis=1) != classes[900:])[0] + 900
forwards = network.activations(images[wrong : wrong + 1])
loss, gradient = losses.softmax_cross_entropy(list(forwards.values())[-1], classes[wrong : wrong + 1])
backwards = [gradient]
for layer in reversed(network.layers):
    backwards.insert(0, layer.backward(backwards[0]))
print([array.shape[1:] for array in backwards])

# %%
values, flows = list(forwards.values()), backwards
best = int(np.abs(flows[1]).sum(axis=(0, 1, 2)).argmax())


def pick(arrays):
    return [arrays[0][0, ..., 0], *(array[0, ..., best] for array in arrays[1:4]), arrays[5][0]]


titles = ["digit x", "z, one channel", "a = relu(z)", "pooled", "logits"]
below = ["dJ/dx", "dJ/dz", "dJ/da", "dJ/dpooled", "p − t"]
caption = f"The digit {classes[wrong]}, which the network takes for {values[-1].argmax()}. Below, p − t stands out at these two classes; each pooled cell sends its error to one winner, and silent units stop it."
stages = list(zip(titles, pick(values))), list(zip(below, pick(flows)))
figures.show(figures.draw_backward_flow, *stages, caption=caption, size=(11, 4.6))

# %% [markdown]
# Read the lower row from right to left. The logits' gradient is $p - t$: negative at the true class, positive at the classes that got
# too much. Each pooled cell hands its error to one winner. The ReLU stops errors of silent units: the window at the bottom
# left was 0 everywhere, so its error reaches $dJ/da$ but not $dJ/dz$. The convolution spreads what is
# left over 3×3 windows, which gives $\partial J/\partial\,\text{pixel}$: which pixel to change to lower the loss. (Take a small step along
# its *sign*, uphill, and you have an adversarial example.)

# %%
alive = [float(np.mean(flow != 0)) for flow in flows[1:4]]
print(
    "share of gradients that are not 0: convolution {:.0%}, after ReLU {:.0%}, pooled {:.0%}".format(*alive)
)
print("gradient of the logits sums to 0:", bool(abs(flows[-1].sum()) < 1e-12))

# %% [markdown]
# ## Batch normalisation
#
# **Question.** Batch norm subtracts the mean and divides by the spread of the batch. Both *depend on every input*. What does that do to the
# gradient?
#
# **Formula.** For one channel with $M$ numbers ($N \cdot H \cdot W$ of them in a CNN): $\mu = \frac1M \sum x_i$,
# $\sigma^2 = \frac1M \sum (x_i - \mu)^2$, $\hat x_i = (x_i - \mu)/\sqrt{\sigma^2 + \varepsilon}$, $y_i = \gamma \hat x_i + \beta$.
# The scale $\gamma$ and the shift $\beta$ are learned, one pair for each channel; the tiny constant $\varepsilon$ keeps the quotient finite.
#
# The parameters are easy, as in a bias and a weight:
# $\; d\beta = \sum dy_i, \quad d\gamma = \sum dy_i \hat x_i.$
#
# An $x_i$ reaches the loss on three paths. With $d\hat x_i = \gamma\, dy_i$ and $\sigma_\varepsilon = \sqrt{\sigma^2 + \varepsilon}$:
#
# 1. directly: $d\hat x_i / \sigma_\varepsilon$;
# 2. through the variance, with $\partial \sigma^2 / \partial x_i = 2 (x_i - \mu)/M$ and
#    $\partial \hat x_j / \partial \sigma^2 = -\hat x_j / (2\sigma_\varepsilon^2)$:
#    $\; -\hat x_i \cdot \frac{1}{M\sigma_\varepsilon} \sum_j d\hat x_j \hat x_j$;
# 3. through the mean, with $\partial\mu/\partial x_i = 1/M$: $\; -\frac{1}{M\sigma_\varepsilon} \sum_j d\hat x_j$. (The mean's path through
#    the variance vanishes, because $\sum (x_j - \mu) = 0$.)
#
# $$dx_i = \frac{\gamma}{M\,\sigma_\varepsilon} \Big( M\, dy_i - d\beta - \hat x_i\, d\gamma \Big)$$

# %%
features, gamma, beta = rng.normal(2, 3, size=(4, 3, 3, 2)), np.array([1.5, 0.5]), np.array([0.0, 1.0])
dy = rng.normal(size=features.shape)
y, cache = batch_norm(features, gamma, beta)
dx, dgamma, dbeta = batch_norm_backward(dy, cache)


# %%
def loss_of_x(x):
    return (batch_norm(x, gamma, beta)[0] * dy).sum()


direct_only = gamma * cache.inverse_std * dy
print("all three paths:", bool(check_gradient(loss_of_x, features, dx)))
print("direct path only:", bool(check_gradient(loss_of_x, features, direct_only)))
print("dx sums to 0 in every channel:", np.allclose(dx.sum(axis=(0, 1, 2)), 0))

# %% [markdown]
# Three consequences, each a question of its own:
#
# - **$dx$ sums to zero in each channel.** A common shift of all $x$ is subtracted again, so no gradient can ask for one. Hence the bias of the
#   convolution *before* a batch norm gets no gradient and is left out; $\beta$ does its work.
# - **Examples of a batch are coupled**: image 1 has a gradient through image 2's loss. Behind a dense layer with a batch of one, $M = 1$:
#   the variance is 0, $y = \beta$ whatever the input, and $dx = 0$.
# - **At inference** the layer uses means and variances averaged during training. They are constants: the direct path is the whole
#   gradient, and the layer is an affine map that can be folded into the convolution (chapter 08).
#
# Before or after the activation? The paper normalises the pre-activations, between convolution and ReLU; after the ReLU works in practice
# too; pre-activation ResNets use norm, ReLU, convolution. Be consistent within a network, and drop the convolution's bias where the
# norm follows it directly.

# %%
shifted = loss_of_x(features + 5.0) - loss_of_x(features)
print("shifting every input by 5 changes J by less than 1e-9:", bool(abs(shifted) < 1e-9))

# %%
drill("batch-norm-sum-of-errors")

# %%
drill("batch-norm-backward-code")

# %% [markdown]
# ## Checking gradients
#
# **Question.** Your backward pass runs and the loss falls. Is it right? (A network with a wrong gradient often still learns, only worse.)
#
# **Formula.** The central difference has an error of order $h^2$; the one-sided one of order $h$:
#
# $$\frac{\partial J}{\partial x_i} \approx \frac{J(x + h e_i) - J(x - h e_i)}{2h}$$
#
# Two errors pull $h$ in opposite directions. *Truncation*, the $h^2$, shrinks with $h$. *Rounding*: each $J$ is only known to a relative
# error of the machine precision $\varepsilon$, and the division by $h$ blows that up to about $\varepsilon/h$ (for a $J$ of size 1). The best central step is near $\varepsilon^{1/3}$: about $6 \cdot 10^{-6}$ in float64, $5 \cdot 10^{-3}$ in
# float32.
#
# **Predict.** What happens at $h = 10^{-12}$, in each precision?

# %%
point, mix = rng.normal(size=6), rng.normal(size=(6, 6))
exact = mix.T @ (1 - np.tanh(mix @ point) ** 2)
hs = [10.0**-k for k in range(1, 13)]


# %%
def smooth(v):
    return np.tanh(mix.astype(v.dtype) @ v).sum()


def worst_error(dtype, h):
    v, units = point.astype(dtype), np.eye(6, dtype=dtype)
    ahead = np.array([smooth(v + dtype(h) * e) for e in units])
    behind = np.array([smooth(v - dtype(h) * e) for e in units])
    return float(np.abs((ahead - behind) / (2 * h) - exact).max() / np.abs(exact).max())


sweep = {
    "float64": [worst_error(np.float64, h) for h in hs],
    "float32": [worst_error(np.float32, h) for h in hs],
}

# %%
marks = {
    "ε^⅓, float64": np.finfo(np.float64).eps ** (1 / 3),
    "ε^⅓, float32": np.finfo(np.float32).eps ** (1 / 3),
}
caption = "From right to left both curves fall with h², then rise with ε/h. float64 keeps ten digits near h = 1e-5, float32 between four and five near 1e-3; at 1e-12 float32 has lost all of them."
figures.show(figures.draw_error_sweep, hs, sweep, marks=marks, caption=caption, size=(7.5, 3.6))

# %% [markdown]
# The figure in words, as statements that hold on every machine:

# %%
best = {name: min(errors) for name, errors in sweep.items()}
print(
    "float64 reaches 1e-9 or better:",
    best["float64"] < 1e-9,
    "- float32 stays above 1e-6:",
    best["float32"] > 1e-6,
)
print(
    "at h = 1e-12: float64 worse than 1e-6:",
    sweep["float64"][-1] > 1e-6,
    "- float32 sees nothing:",
    sweep["float32"][-1] >= 0.99,
)

# %% [markdown]
# **What a relative error means.** With $g$ from your code and $\hat g$ from the difference: $|g - \hat g| / \max(|g|, |\hat g|)$, because an absolute error of 0.001 is fine for a gradient of 1000 and
# nonsense for one of 0.001. As a rule of thumb in float64 with $h = 10^{-5}$: below $10^{-7}$ right; $10^{-4}$ fine only if
# there are kinks; above $10^{-2}$ wrong. When both numbers are nearly 0, rounding alone makes the quotient large: do not let the
# denominator fall below a small floor, say $10^{-8}$.
#
# **Kinks.** ReLU, max pooling and absolute values have points where the two sides disagree. A central difference that straddles one
# averages both slopes, and the check 'fails' although the code is right:

# %%
for start in (0.5, 3e-6, 0.0):
    numeric = numeric_gradient(lambda v: activations.relu(v).sum(), np.array([start]))[0]
    print(f"relu at {start:g}: central difference {numeric:.2f}, derivative {float(start > 0):.0f}")

# %% [markdown]
# A checklist that has caught every bug of this chapter:
#
# 1. float64, $h = 10^{-5}$, a *fixed* seed; dropout off, batch norm's statistics of the same batch.
# 2. Small, odd, non-square shapes; stride 2, padding, dilation, three channels, a batch of two. Windows that overlap.
# 3. A random upstream gradient (`(layer(x) * delta).sum()`), not a plain sum: a sum cannot see permuted errors.
# 4. Inputs away from kinks; check a handful of random entries when there are many.
# 5. Check each layer alone, then the whole network, then after a few training steps too.
#
# The third point, shown: reverse the order of the errors, and a plain sum does not notice.

# %%
for name, upstream in {"plain sum": np.ones((3, 3)), "random upstream gradient": delta}.items():
    buggy = weight_gradient(upstream[::-1, ::-1], padded, kernel.shape, 2, 2)
    numeric = numeric_gradient(lambda w, u=upstream: (conv(board, w) * u).sum(), kernel)
    print(f"errors reversed, checked with a {name}: agrees: {np.allclose(numeric, buggy)}")

# %%
drill("check-that-fails")

# %%
drill("gradient-check-code")

# %% [markdown]
# ## Gradients through depth
#
# **Question.** A gradient passes thirty layers backwards. What is left of it?
#
# **Intuition.** Every layer multiplies it, by its weights and by the slope of its activation. Thirty factors of 0.7 make $2 \cdot 10^{-5}$, thirty
# of 1.4 make 24,000. (A sigmoid's slope is at most $0.25$, a factor of $10^{-18}$ over thirty layers before any weight is counted.)
#
# **A skip connection changes the formula.** With $x_{l+1} = x_l + F_l(x_l)$ the end is $x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i)$, so
#
# $$\frac{\partial J}{\partial x_l} = \frac{\partial J}{\partial x_L} \Big( 1 + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} F_i(x_i) \Big)$$
#
# The 1 (for vectors, the identity matrix) carries the gradient back unchanged, whatever the layers do; to vanish, the other term would have
# to be close to $-1$ for every image at once. Multiplied out it is a sum over $2^{L-l}$ paths and no longer one product. All this needs a
# skip with nothing on it: the ReLU *after* the addition in the first ResNet puts a mask on the 1.
#
# **Predict.** Thirty 3×3 layers with ReLU, with He's initialisation: random weights of variance $2/(K^2 C_\text{in})$. *gain* multiplies these
# weights. In which of these runs do the gradients vanish, in which do they explode?

# %%
runs = {
    "plain, gain 1 (He)": gradient_depth.gradient_norms(30),
    "plain, gain 0.7": gradient_depth.gradient_norms(30, gain=0.7),
    "plain, gain 1.4": gradient_depth.gradient_norms(30, gain=1.4),
    "skip, gain 1/√30": gradient_depth.gradient_norms(30, gain=30**-0.5, skip=True),
    "skip, gain 1": gradient_depth.gradient_norms(30, skip=True),
}

# %%
caption = "Thirty layers, five seeds each (band: all, line: median). 0.7 vanishes; 1.4 explodes, and so do full branches on skips; with small branches on skips the gradient stays between 1 and 2."
figures.show(figures.draw_depth_norms, runs, caption=caption, size=(9, 3.6))

# %%
for name, norms in runs.items():
    low, middle, high = np.quantile(norms[:, 0], [0, 0.5, 1])
    print(f"{name:19} at the input: median {middle:.1e}, from {low:.1e} to {high:.1e}")

# %% [markdown]
# Four honest readings of this measurement:
#
# - He's initialisation was made so that a plain ReLU net neither vanishes nor explodes *on average*, and here it stays within a factor of
#   about ten. It is fragile: weights 30% smaller, and the gradient shrinks by another $0.7^{30}$, to a few millionths.
# - **With skips gradients do not vanish**: even with tiny branches the 1 remains.
# - **Skips alone can explode**: with branches of full size each block multiplies the variance by almost two. That is why residual branches
#   contain batch norm, start at zero, or are scaled by $1/\sqrt L$ for $L$ blocks.
# - ResNet's paper does not claim that its plain nets had vanishing gradients: they used batch norm and had healthy gradients. They had higher
#   *training* error when deeper, the *degradation problem*: an optimisation difficulty, not overfitting. The identity path makes 'change
#   nothing' easy to learn.
#
# The toy residual net of interviews, with any activation $\varphi$ (below: tanh): $h = \varphi(z) + x$ with $z = Wx + b$, and
# $y = \varphi(r) + h$ with $r = Vh + c$. Backwards:
#
# $$dr = dy \odot \varphi'(r) \quad dV = dr\, h^\top \quad dc = dr \quad dh = dy + V^\top dr$$
#
# $$dz = dh \odot \varphi'(z) \quad dW = dz\, x^\top \quad db = dz \quad dx = dh + W^\top dz$$
#
# The skips are the two plus signs.

# %%
x, w, b = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=3)
v, c, dy = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3)


def toy(x, w, b, v, c):
    h = np.tanh(w @ x + b) + x
    return np.tanh(v @ h + c) + h


# %%
h = np.tanh(w @ x + b) + x
dr = dy * activations.tanh_grad(v @ h + c)
dv, dc, dh = np.outer(dr, h), dr, dy + v.T @ dr
dz = dh * activations.tanh_grad(w @ x + b)
dw, db, dx = np.outer(dz, x), dz, dh + w.T @ dz

# %%
point = {"x": x, "w": w, "b": b, "v": v, "c": c}
for name, found in {"x": dx, "w": dw, "b": db, "v": dv, "c": dc}.items():
    numeric = numeric_gradient(
        lambda value, name=name: (toy(**{**point, name: value}) * dy).sum(), point[name]
    )
    print(f"d{name} agrees:", np.allclose(numeric, found, atol=1e-8))

# %% [markdown]
# > [!INTERVIEW] Exploding gradients: how do you notice, what do you do?
# > **Notice**: the loss jumps or becomes NaN, norms of gradients or weights grow by orders of magnitude; log the gradient norm of each
# > layer. **At once**: clip by the *global* norm (all gradients scaled by one factor, so that the direction stays) and lower the learning
# > rate, or warm it up. **At the root**: He or Xavier initialisation, normalisation layers, skips, inputs on a sane scale, weight decay.

# %%
grads = [rng.normal(size=(4, 4)) * 50, rng.normal(size=4) * 50]
norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
clipped = [g * min(1.0, 5.0 / norm) for g in grads]
after = np.linalg.norm(np.concatenate([g.ravel() for g in clipped]))
print(
    f"norm {norm:.0f} clipped to {after:.0f}; same direction: {np.allclose(clipped[0] / grads[0], 5.0 / norm)}"
)

# %% [markdown]
# The product and the sum, and then the proof aloud.

# %%
drill("residual-derivative")

# %%
drill("sigmoid-bound")

# %%
drill("explain-residual-gradient")

# %% [markdown]
# ## Activation memory and checkpointing
#
# **Question.** A network runs happily on your laptop, and training it runs out of memory. Where did the memory go?
#
# The formulas of this chapter say it: $dw$ needs the layer's *input*, the ReLU needs its mask, the pooling its winners. So the forward
# pass must **keep every activation** until its backward pass has used it, for every image in the batch. Inference may forget each one
# as soon as the next layer has read it. The outputs of VGG-16's thirteen convolutions, at four bytes a number:

# %%
blocks = [(224, 64, 2), (112, 128, 2), (56, 256, 3), (28, 512, 3), (14, 512, 3)]
kept = sum(size * size * channels * count for size, channels, count in blocks)
largest = 224 * 224 * 64
print(
    f"kept for one image: {kept:,} numbers, {kept * 4 / 1e6:.0f} MB; a batch of 64: {64 * kept * 4 / 1e9:.2f} GB"
)
print(f"inference needs the largest layer's input and output: {2 * largest * 4 / 1e6:.0f} MB")
print(
    f"parameters: {138_357_544 * 4 / 1e6:.0f} MB, with gradients and Adam's two moments {138_357_544 * 16 / 1e6:,.0f} MB"
)

# %% [markdown]
# Activations grow with the batch and the square of the image; parameters do not. So the remedies when memory runs out: smaller batches
# (with gradient accumulation, if the effective batch must stay; batch norm then still sees the small one), smaller images, early
# stride or pooling, fewer or narrower layers, 16-bit numbers, several devices, and
#
# **checkpointing**: keep the input of every $k$-th layer only, and compute the others again when the backward pass comes by. With $n$ equal
# layers, $n/k$ checkpoints and the $k - 1$ others of one segment are held: least near $k = \sqrt n$, where memory grows like $2\sqrt n$
# instead of $n$. The price is at most one more forward pass, about a third more work.
#
# **Predict.** 16 layers. How many inputs are held at most with a checkpoint at every 4th? How many forward computations?

# %%
weights = rng.normal(0, 0.4, size=(16, 10, 10))
chain = [
    (lambda x, w=w: np.tanh(x @ w), lambda dy, x, w=w: (dy * (1 - np.tanh(x @ w) ** 2)) @ w.T)
    for w in weights
]
start, end = rng.normal(size=10), rng.normal(size=10)
every = [1, 2, 4, 8, 16]
passes = [checkpointing.backward_with_checkpoints(chain, start, end, k) for k in every]

# %%
peaks, calls = [run.peak // 10 for run in passes], [run.forward_calls for run in passes]
caption = f"16 layers: every 4th kept holds {peaks[2]} inputs instead of {peaks[0]} and runs {calls[2]} forward computations instead of {calls[0]}."
figures.show(figures.draw_checkpointing, every, peaks, calls, caption=caption, size=(8, 3))

# %% [markdown]
# Forgetting and computing again changes nothing else:

# %%
print("same gradient, bit by bit:", all(np.array_equal(run.dx, passes[0].dx) for run in passes))

# %%
drill("checkpoint-memory")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. Backwards, every step multiplies what arrives by its own local slope; where a number was used several times, the messages add up.
# 2. $dw$ is a correlation of the *padded* input with the error, summed over positions and images. $db$ is the sum of the errors.
# 3. $dx$ is a scatter; equivalently a full convolution of the zero-stuffed error with the turned, channel-swapped kernel; equivalently $T^\top\delta$.
# 4. Between $\partial J/\partial a$ and $\delta$ stands $f'(z)$. Max pooling routes, average pooling shares, softmax with cross-entropy gives $p - t$.
# 5. Nothing is right before a gradient check: float64, central differences, random upstream gradient, odd shapes.
#
# | Formula | |
# |---|---|
# | $dw_{m,n,c,k} = \sum_{a,i,j} \delta_{a,i,j,k}\, \tilde x_{a,\,is+md,\,js+nd,\,c}$ | weights |
# | $db_k = \sum_{a,i,j} \delta_{a,i,j,k}$ | bias |
# | $\widetilde{dx}_{\,is+md,\,js+nd,\,c} \mathrel{+}= \sum_k \delta_{i,j,k}\, w_{m,n,c,k}$, then crop | input |
# | $\delta = da \odot f'(z)$ | activation |
# | $(p - t)/N$ | softmax with mean cross-entropy |
# | $dx = \frac{\gamma}{M\sigma_\varepsilon}(M\,dy - d\beta - \hat x\,d\gamma)$ | batch norm |
# | $h \approx \varepsilon^{1/3}$ | step of a central difference |
# | $n/k + k - 1$ | layer inputs held with a checkpoint every $k$ of $n$ layers |

# %% [markdown]
# ## More drills
#
# The cards above belong to their sections; these mix them. Come back tomorrow: the numbers will be new.
#
# **By hand, and as formulas.**

# %%
drill("dw-with-padding")

# %%
drill("gather-formula")

# %%
drill("stuffed-size-formula")

# %% [markdown]
# **Find the bug.** Each of these passed somebody's tests.

# %%
drill("bug-stride-blind-gradient")

# %%
drill("bug-unpadded-input")

# %%
drill("bug-assigned-gradient")

# %% [markdown]
# **Choose, and say it aloud.**

# %%
drill("shared-weight-gradient")

# %%
drill("explain-exploding")

# %%
drill("explain-pooling-gradient")

# %% [markdown]
# ## Sources
#
# - Rumelhart, Hinton, Williams, *Learning representations by back-propagating errors* (1986).
# - LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998): conditions on inputs, weights and activations for healthy gradients.
# - Dumoulin, Visin, *A guide to convolution arithmetic for deep learning* (2016), section 4: the transposed convolution as the gradient.
# - Ioffe, Szegedy, *Batch Normalization* (2015), section 3: the gradients, which are given there step by step.
# - Glorot, Bengio (2010) and He, Zhang, Ren, Sun, *Delving Deep into Rectifiers* (2015): variances through depth; gain 1 above is He's.
# - He, Zhang, Ren, Sun, *Deep Residual Learning* (2015), section 4.1: the degradation of plain nets that have healthy gradients; *Identity
#   Mappings in Deep Residual Networks* (2016), equation 5: the 1 in the gradient.
# - Chen, Xu, Zhang, Guestrin, *Training Deep Nets with Sublinear Memory Cost* (2016): checkpoints, $O(\sqrt n)$ memory for one more forward pass.
# - Press, Teukolsky, Vetterling, Flannery, *Numerical Recipes*, section 5.7: the best step of a numerical derivative.
# - The course's text, *Deep Dive Section 3*: its input gradient is the stride-1 case without padding, its weight gradient is right on the
#   padded input, and it leaves out the activation's derivative, the bias, the batch and the pooling, which stand above.
