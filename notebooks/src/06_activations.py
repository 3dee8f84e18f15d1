# %% [markdown]
# # Chapter 06. Activations: the bend between the layers
#
# **After this chapter you can answer**
#
# 1. Why does a network need a non-linear activation, and in what sense is ReLU non-linear?
# 2. Derive the derivatives of sigmoid, tanh and softmax. Which values can they take?
# 3. ReLU has no derivative at 0. Why can it be trained?
# 4. What is a dying ReLU, how do you notice it, and what do you do about it?
# 5. How do you compute softmax with cross-entropy so that nothing overflows? And why not squared error?
# 6. Xavier or He? Where do the 2 and the fan-in come from?
#
# **Time** 60 minutes to read and play, 45 more for the drills.
#
# **Builds on** chapter 01 for the layers, chapter 05 for the chain rule.

# %%
import numpy as np

from cnnkit import activations as act
from cnnkit import data, figures, losses
from cnnkit.drills import drill
from cnnkit.dying_relu import DigitNetwork
from cnnkit.gradcheck import check_gradient
from cnnkit.kernels import vectorized
from cnnkit.signal_depth import FUNCTIONS, depth_map, propagate
from cnnkit.widgets import ActivationExplorer, DepthLab, ReluRescue

# %% [markdown]
# ## Why non-linearity
#
# **Question.** A layer multiplies by a matrix and adds a bias. What do two such layers do that one cannot?
#
# **Intuition.** Nothing. Scaling and adding, followed by scaling and adding, is scaling and adding.
#
# **Formula.** $(x W_1 + b_1) W_2 + b_2 = x\,(W_1 W_2) + (b_1 W_2 + b_2)$: one layer with the matrix $W_1 W_2$. The same
# holds for two convolutions (chapter 01: 3×3 after 3×3 is one 5×5) and for any number of layers.
#
# **Predict.** A layer from 20 to 500 units and one from 500 to 10, nothing between them: how many parameters does the
# single layer have that computes the same?

# %%
rng = np.random.default_rng(6)
w1, b1 = rng.normal(size=(20, 500)), rng.normal(size=500)
w2, b2 = rng.normal(size=(500, 10)), rng.normal(size=10)
joint_w, joint_b = w1 @ w2, b1 @ w2 + b2

# %%
x = rng.normal(size=(8, 20))
print("same result:", np.allclose((x @ w1 + b1) @ w2 + b2, x @ joint_w + joint_b))
print(f"{w1.size + b1.size + w2.size + b2.size:,} parameters compute what {joint_w.size + joint_b.size} can")

# %% [markdown]
# Depth without an activation is a linear model (linear or logistic regression) with superfluous parameters. Put a bend
# between the layers, and two units already solve what no linear model can: *exclusive or* (XOR),
# which is 1 if exactly one of the two inputs is 1.

# %%
corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
hidden = act.relu(corners @ np.array([[1, 1], [1, 1.0]]) + np.array([0, -1.0]))
print("XOR by two ReLU units:", hidden @ np.array([1, -2.0]))
best = np.linalg.lstsq(np.c_[corners, np.ones(4)], np.array([0, 1, 1, 0.0]), rcond=None)[0]
print("the best linear model:", (np.c_[corners, np.ones(4)] @ best).round(2))

# %% [markdown]
# **In what sense is ReLU non-linear?** $\text{relu}(x) = \max(0, x)$ is straight on both sides of 0. But a linear function
# must satisfy $f(a + b) = f(a) + f(b)$, and $\text{relu}(1) + \text{relu}(-1) = 1$, while $\text{relu}(0) = 0$. It is
# *piecewise* linear, and so is every network of such units: a sum of bends. With enough bends it follows any continuous
# curve on an interval, as closely as you like. Eight units, one bend each, on a sine:


# %%
def sine_of_bends(units, t):
    knots = np.linspace(0, 2 * np.pi, units + 1)
    slopes = np.diff(np.sin(knots)) / np.diff(knots)
    bends = np.diff(slopes, prepend=0)  # how much the slope changes at each knot
    return act.relu(t[:, None] - knots[:-1]) @ bends


t = np.linspace(0, 2 * np.pi, 400)
for units in (8, 16, 32):
    print(f"{units:>2} units: largest error {np.abs(sine_of_bends(units, t) - np.sin(t)).max():.4f}")

# %%
lines = {"sine": np.sin(t), "8 ReLUs": sine_of_bends(8, t)}
caption = "Eight ReLU units, each adding one bend, follow a sine with an error of about 0.07."
figures.show(figures.draw_curves, t, lines, xlabel="x", ylabel="f(x)", caption=caption, size=(7, 2.4))

# %% [markdown]
# Can a ReLU network *be* linear? Yes. As long as no unit switches, it is one linear map. If all pre-activations stay
# positive on the whole data set, then the network is a linear classifier there. And it can build the identity on purpose:
# $x = \text{relu}(x) - \text{relu}(-x)$. Measured for a whole network: up to its bias it is linear where
# $f(a + b) - f(a) - f(b) + f(0)$ is 0.

# %%
values = np.array([-3.0, -0.5, 0.0, 2.0])
print("relu(x) - relu(-x):", act.relu(values) - act.relu(-values))
for bias in (0.0, 100.0):
    batch = np.stack([x[0] + x[1], x[0], x[1], 0 * x[0]])
    both, first, second, nothing = act.relu(batch @ w1 + bias) @ w2
    gap = both - first - second + nothing
    print(f"bias {bias:>5}: additive up to {np.abs(gap).max():.1f}")

# %% [markdown]
# > [!SAY] Why activations?
# > Linear layers in a row collapse into one linear layer, convolutions included, so depth would buy nothing. A
# > non-linearity between them lets the network bend its decision surface; with ReLU it becomes piecewise linear, with
# > more pieces for more units and layers. On each piece it is still a linear map.

# %%
drill("collapsed-parameters")

# %%
drill("explain-non-linearity")

# %% [markdown]
# ## The functions and their derivatives
#
# **Question.** Which functions are used, and what does each let through backwards?
#
# Forwards a layer passes on $a = f(z)$; backwards it multiplies: $dz = f'(z) \cdot da$ (chapter 05). So look at both curves.

# %%
x = np.linspace(-4, 4, 401)
pairs = {name: (f(x), slope(x)) for name, (f, slope) in FUNCTIONS.items() if name != "none"}
caption = "Seven activations (solid) with their derivatives (dashed). The sigmoid is never steeper than 0.25."
figures.show(figures.draw_functions, x, pairs, caption=caption, size=(9.5, 4.4))

# %% [markdown]
# | function | $f(x)$ | range of $f$ | derivative | range of $f'$ |
# |---|---|---|---|---|
# | ReLU | $\max(0, x)$ | $[0, \infty)$ | 1 if $x > 0$, 0 if $x < 0$, none at 0 | $\{0, 1\}$ |
# | leaky ReLU | $x$ if $x > 0$, else $\alpha x$ | $(-\infty, \infty)$ | 1 if $x > 0$, $\alpha$ if $x < 0$ | $\{\alpha, 1\}$ |
# | ELU, $\alpha = 1$ | $x$ if $x > 0$, else $e^x - 1$ | $(-1, \infty)$ | 1 if $x > 0$, else $e^x$ | $(0, 1]$ |
# | sigmoid $\sigma$ | $1 / (1 + e^{-x})$ | $(0, 1)$ | $\sigma (1 - \sigma)$ | $(0, 0.25]$ |
# | tanh | $2\sigma(2x) - 1$ | $(-1, 1)$ | $1 - \tanh^2 x$ | $(0, 1]$ |
# | GELU | $x\,\Phi(x)$ | $[-0.17, \infty)$ | $\Phi(x) + x\,\varphi(x)$ | $[-0.13, 1.13]$ |
# | SiLU | $x\,\sigma(x)$ | $[-0.28, \infty)$ | $\sigma + x\,\sigma (1 - \sigma)$ | $[-0.10, 1.10]$ |
#
# ($\Phi$ and $\varphi$ are the distribution function and the density of the standard normal distribution; the $\alpha$ of leaky ReLU lies between 0 and 1.) Softmax is
# missing on purpose: it maps a *vector* to a vector, and has a section of its own. The extremes, measured between $-12$ and 12:

# %%
fine = np.linspace(-12, 12, 240_001)
for name, (f, slope) in FUNCTIONS.items():
    slopes = slope(fine)
    print(f"{name:>10}: f from {f(fine).min():7.3f}, f' from {slopes.min():6.3f} to {slopes.max():.3f}")

# %% [markdown]
# **The three derivations that are asked for.**
#
# - **Sigmoid.** $\sigma = u^{-1}$ with $u = 1 + e^{-x}$. Chain rule: $\sigma' = -u^{-2} \cdot (-e^{-x}) =
#   \frac{1}{u} \cdot \frac{e^{-x}}{u} = \sigma\,(1 - \sigma)$, because $\frac{e^{-x}}{u} = \frac{u - 1}{u} = 1 - \sigma$.
#   It is largest where $\sigma = \frac12$: 0.25, at $x = 0$.
# - **Tanh.** $\tanh x = 2\sigma(2x) - 1$, so $\tanh' = 4\,\sigma(2x)(1 - \sigma(2x)) = 1 - \tanh^2 x$. Four times as steep: 1 at 0.
# - **ReLU.** $\max(0, x)$ is $x$ on the right and 0 on the left: slope 1, and 0.
#
# **Applied to a vector** each value goes its own way, so the Jacobian is diagonal: $\text{diag}(f'(z_1), \ldots, f'(z_n))$. That
# is why the backward pass is an elementwise product and no matrix is ever built. All of them against finite differences,
# which know no calculus:

# %%
points = np.array([-3.0, -0.7, 0.4, 2.5])
for name, (f, slope) in FUNCTIONS.items():
    report = check_gradient(lambda z, f=f: f(z).sum(), points, slope(points))
    print(f"{name:>10}: {'agrees' if report else 'DIFFERS'}")

# %% [markdown]
# **Play.** Drag the cursor over a curve, or use the arrow keys on it. Where is each function steepest? Where does the slope of GELU
# change its sign? What becomes of a gradient after ten layers at x = 3, for sigmoid and for ReLU? The lower half belongs to
# the section on softmax.

# %%
ActivationExplorer(function="sigmoid", x=3.0)

# %%
drill("sigmoid-slope-from-output")

# %%
drill("tanh-slope-from-output")

# %% [markdown]
# > [!MISTAKE] A formula is not a range
# > Tables often list $\sigma(x)(1 - \sigma(x))$ under 'gradient range'. That is the derivative. Its *range* is $(0, 0.25]$, and
# > that is the number which decides whether a deep network trains.

# %% [markdown]
# ## ReLU and its kink
#
# **Question.** At 0 ReLU has no derivative: the slope is 0 from the left and 1 from the right. Gradient descent needs
# derivatives. Why does it work?

# %%
h = 1e-6
zero = np.zeros(1)
left, right = (act.relu(zero) - act.relu(zero - h)) / h, (act.relu(zero + h) - act.relu(zero)) / h
print(f"from the left {left[0]:.0f}, from the right {right[0]:.0f}")
print(f"cnnkit takes  {act.relu_grad(zero)[0]:.0f}")

# %% [markdown]
# 1. It is *one point*. Real-valued pre-activations hit it with probability zero.
# 2. Any number from 0 to 1 is a valid **subgradient** there, the slope of a line that touches the graph from below. PyTorch and
#    TensorFlow take 0.
# 3. Descent needs a direction that helps on average, not a derivative everywhere. Max pooling has kinks too.
#
# **Predict.** A million random pre-activations: how many are exactly 0? And in a convolution with bias 0 over a picture with a
# black frame?

# %%
z = rng.normal(size=(1000, 100)) @ rng.normal(size=(100, 1000))
print("random inputs:", int((z == 0).sum()), "of", f"{z.size:,}")
framed = np.pad(data.photo("camera", size=40, mode="gray", dtype=np.float64), 12)[..., None]
z = vectorized.conv2d(framed, rng.normal(size=(3, 3, 1, 4)))
print(f"a black frame: {(z == 0).mean():.0%} of the pre-activations are exactly 0")

# %% [markdown]
# So 'never' is not quite true: constant regions with a zero bias sit exactly on the kink. The convention 0 simply gives them
# no gradient, and nothing breaks.
#
# **Leaky ReLU** keeps a small slope $\alpha$ on the left (0.01 in the paper; PReLU learns it; ELU bends smoothly towards $-\alpha$, with an $\alpha$ of its own, usually 1). Many texts
# write it as $\max(\alpha x, x)$. Is that right?

# %%
values = np.array([-2.0, -1.0, 1.0, 2.0])
for alpha in (0.01, 2.0, -0.5):
    same = np.array_equal(np.maximum(alpha * values, values), act.leaky_relu(values, alpha))
    print(f"alpha {alpha:>5}: max {np.maximum(alpha * values, values)}, the same as leaky ReLU: {same}")

# %% [markdown]
# At $\alpha = 2$ the maximum takes the wrong branch on both sides. The short form needs $\alpha \le 1$. (For a negative
# $\alpha$ the two still agree, but the function folds up on the left and is no leaky ReLU any more. That leaves $0 \le \alpha \le 1$.)

# %%
drill("leaky-relu-as-maximum")

# %%
drill("leaky-relu-backward")

# %% [markdown]
# ## Saturation: products of small slopes
#
# **Question.** The sigmoid was the standard for decades. Why did hidden layers leave it?
#
# Three reasons. The first: it **saturates**. For large $|x|$, on *both* sides, the curve is flat and the slope vanishes. (Texts say
# 'for large inputs'; an input of $-10$ is not large, and just as bad.)

# %%
for at in (-10.0, -5.0, 0.0, 5.0, 10.0):
    print(f"x = {at:>5}: slope {act.sigmoid_grad(np.array(at)):.2e}")

# %% [markdown]
# The second: even at its best the slope is 0.25, and the chain rule *multiplies*. Going back through $L$ sigmoids, the
# activations alone shrink a gradient by at least $4^L$.
#
# **Predict.** How much is left after 10 layers, at best?

# %%
for layers in (1, 5, 10, 20):
    print(f"{layers:>2} layers: sigmoid at most {0.25**layers:.1e}, tanh at most 1, ReLU 0 or 1")

# %% [markdown]
# The weights could compensate: with weights of size 4 the product stays near 1. But large weights make large $|z|$, and there the slope is
# not 0.25. The depth lab below shows that none of the usual initialisations saves a deep sigmoid network.
#
# The third: its outputs are all positive. Then all inputs $a$ of the next layer are positive, and since $dw = a \cdot dz$, all weights of a unit
# get gradients of *one sign* for one example: they can only rise together or fall together. Tanh is centred on 0 and
# avoids that; it saturates as well, but its slope near 0 is 1. (ReLU is not centred either: it shares this third flaw.)

# %%
a = act.sigmoid(rng.normal(size=6))
for dz in (0.3, -0.7):
    print(f"dz = {dz:>4}: signs of dw", np.sign(a * dz).astype(int))

# %% [markdown]
# > [!INTERVIEW] Where is the sigmoid still right?
# > Where a number between 0 and 1 is *meant*: the probability of a yes/no output, the gates of an LSTM (a recurrent network) or of a
# > squeeze-and-excitation block, which weights whole channels. Only between hidden layers has it gone out of use.

# %%
drill("sigmoid-slope-product")

# %% [markdown]
# ## Softmax: a vector map
#
# **Question.** A classifier ends in ten numbers of any size, the **logits**. How do they become probabilities, and what is the
# derivative of that?
#
# **Formula.** $p_i = \dfrac{e^{z_i}}{\sum_j e^{z_j}}$. Every output depends on *every* logit, so the derivative is a matrix, the **Jacobian**.
# Quotient rule, for $i = j$ and for $i \ne j$:
#
# $$\frac{\partial p_i}{\partial z_i} = \frac{e^{z_i} S - e^{z_i} e^{z_i}}{S^2} = p_i (1 - p_i) \qquad
# \frac{\partial p_i}{\partial z_j} = -\frac{e^{z_i} e^{z_j}}{S^2} = -p_i\, p_j \qquad S = \textstyle\sum_j e^{z_j}$$
#
# Both in one: $\partial p_i / \partial z_j = p_i\,(\delta_{ij} - p_j)$, with $\delta_{ij} = 1$ for $i = j$ and 0 otherwise.
#
# **Predict.** One logit rises. What do the other probabilities do? What do the entries of a column sum to?

# %%
z = np.array([2.0, 1.0, 0.0])
print("p =", act.softmax(z).round(3))
print(act.softmax_grad(z).round(3))
print("columns sum to 0:", np.allclose(act.softmax_grad(z).sum(axis=0), 0))

# %% [markdown]
# On the diagonal stands $p_i (1 - p_i)$, between 0 and 0.25 like the sigmoid's slope; off it $-p_i\, p_j$, between $-0.25$ and 0. A confident softmax (one $p_i$ near 1) is
# saturated: its whole Jacobian is close to 0.
#
# The backward pass is a product with that matrix. It needs no matrix, though:
# $dz_j = \sum_i dp_i\, p_i (\delta_{ij} - p_j) = p_j \big(dp_j - \sum_i dp_i\, p_i\big)$.

# %%
dp, p = np.array([0.5, -1.0, 2.0]), act.softmax(z)
by_matrix, by_sum = dp @ act.softmax_grad(z), p * (dp - (dp * p).sum())
print("both forms agree:", np.allclose(by_matrix, by_sum))
print(check_gradient(lambda z: (act.softmax(z) * dp).sum(), z, by_sum).passed)

# %% [markdown]
# Four properties that questions are made of:
#
# - **Shifts do nothing**: $z + c$ has the same softmax. Only differences count. (So $K$ logits have $K - 1$ degrees of freedom.)
# - **Two classes are a sigmoid**: $p_1 = \sigma(z_1 - z_2)$.
# - **Factors do count.** Dividing by a **temperature** $T$ before the exponential makes the probabilities more equal ($T > 1$) or sharper
#   ($T < 1$). $T \to 0$ gives argmax, $T \to \infty$ the uniform distribution. The order never changes.
# - It is a *soft argmax*: the result is never exactly 0 or 1 in theory. In floating point it is, and the next section is about that.

# %%
print("shifted:", np.allclose(act.softmax(z + 100), act.softmax(z)))
two = act.softmax(np.array([1.3, -0.4]))[0]
print("two classes:", np.isclose(two, act.sigmoid(np.array(1.7))))
heat = {f"T = {t}": act.softmax(z / t) for t in (0.25, 1, 4)}

# %%
caption = "Logits 2, 1, 0: the first class gets 98 % at temperature 0.25, 67 % at 1 and 42 % at 4."
figures.show(figures.draw_temperatures, z, heat, caption=caption, size=(8.5, 2.3))

# %% [markdown]
# Now go back to the explorer above, lower half: heat and cool the softmax, type other logits, and read the Jacobian. When are its entries
# largest?
#
# **A classic.** A softmax classifier without biases classifies everything correctly. Now all its weights are doubled: $W \to 2W$.
#
# **Predict.** What happens to the accuracy? To the cross-entropy?

# %%
x, w = rng.normal(size=(500, 5)), rng.normal(size=(5, 3))
labels = (x @ w).argmax(axis=1)  # so that W gets every label right
noisy = np.where(rng.random(500) < 0.1, (labels + 1) % 3, labels)
for scale in (1, 2, 4, 8):
    logits = scale * (x @ w)
    loss, wrong_loss = (losses.softmax_cross_entropy(logits, y)[0] for y in (labels, noisy))
    accuracy = (logits.argmax(axis=1) == labels).mean()
    print(f"{scale}W: accuracy {accuracy:.0%}, loss {loss:.3f}; with 10 % wrong labels {wrong_loss:.3f}")

# %% [markdown]
# The order of the logits stays, hence the accuracy. All leads double, so the probabilities sharpen and the loss falls, with no
# minimum: on separable data the weights grow for ever unless weight decay or early stopping holds them. Where some labels are wrong,
# confidence is punished, and the loss rises: that is how overconfidence shows.

# %%
drill("softmax-jacobian-entries")

# %%
drill("softmax-temperature")

# %%
drill("doubled-weights")

# %% [markdown]
# ## Numbers that overflow
#
# **Question.** The formulas are right. Why do programs made from them fail?
#
# In float64 $e^{x}$ is infinite from $x = 710$ on, in float32 already from 89. The textbook softmax then divides infinity by infinity.
#
# **Predict.** The naive softmax of [1000, 0]? The naive sigmoid of $-720$? (NumPy would also print warnings here.)


# %%
def naive_softmax(z):
    return np.exp(z) / np.exp(z).sum()


with np.errstate(all="ignore"):
    print("softmax [1000, 0]: naive", naive_softmax(np.array([1000.0, 0])), end="; ")
    print("stable", act.softmax(np.array([1000.0, 0])))
    e = np.exp(np.array(720.0))
    print("sigmoid(-720): 1 / (1 + exp(720)) =", 1 / (1 + e), end="; ")
    print(f"stable {act.sigmoid(np.array(-720.0)):.0e}")
    print("sigmoid(720):  exp(720) / (1 + exp(720)) =", e / (1 + e))

# %% [markdown]
# **The cure** is the shift that does nothing: subtract the largest logit. Then the largest exponent is 0, nothing overflows, and the sum is at
# least 1. For the sigmoid: compute from $e^{-|x|}$, which is at most 1. (Above, $1 / (1 + e^{-x})$ got away with its
# overflow, because $1 / \infty = 0$; the form $e^x / (1 + e^x)$ did not.)
#
# **Still not enough for the loss.** Cross-entropy wants $\log p$. A probability that rounded to 0 has the logarithm $-\infty$, and one that
# rounded to 1 has lost its last digits. So never take the logarithm of a softmax; compute **log-softmax** at once:
#
# $$\log p_i = (z_i - m) - \log \sum_j e^{z_j - m} \qquad m = \max_j z_j$$

# %%
z = np.array([1000.0, 0.0])
with np.errstate(all="ignore"):
    print("log(softmax):", np.log(act.softmax(z)))
print("log_softmax: ", act.log_softmax(z))
loss, dz = losses.softmax_cross_entropy(z, np.array(1))
print(f"loss of the wrong class: {loss:.0f}, its gradient {dz}")

# %% [markdown]
# The same trap waits in derivatives. $\sigma (1 - \sigma)$ is exactly 0 from $x = 37$ on, because $\sigma$ has rounded to 1. Computed as $u / (1 + u)^2$ with
# $u = e^{-|x|}$ it keeps all digits:

# %%
s = act.sigmoid(np.array(40.0))
print(f"s * (1 - s) = {s * (1 - s):.1e}, from exp(-|x|): {act.sigmoid_grad(np.array(40.0)):.1e}")

# %% [markdown]
# > [!FRAMEWORKS] Losses that want logits
# > PyTorch's `CrossEntropyLoss` takes *logits* and applies log-softmax itself; `BCEWithLogitsLoss` does the same for sigmoids. Keras assumes
# > probabilities unless you say `from_logits=True`. A softmax in the network *and* in the loss is applied twice: it still trains, slowly and badly,
# > and no error is raised.
#
# > [!SAY] Softmax and cross-entropy without overflow
# > I subtract the row's maximum before exponentiating, which does not change softmax. For the loss I never take the logarithm of
# > probabilities; I compute log-softmax as logit minus log-sum-exp and pick the label's entry. Both steps live in one function that takes
# > logits, and its gradient is simply p minus the one-hot target.

# %%
drill("stable-softmax-code")

# %%
drill("log-sum-exp-formula")

# %%
drill("log-sigmoid-code")

# %% [markdown]
# ## Cross-entropy or squared error?
#
# **Question.** Squared error is the natural distance. Why is it hardly ever used behind a sigmoid or a softmax?
#
# **Formula.** One unit, $s = \sigma(z)$, target $t$. With respect to the logit:
#
# $$\frac{\partial}{\partial z}\,\tfrac12 (s - t)^2 = (s - t)\cdot \sigma'(z) \qquad\qquad
# \frac{\partial}{\partial z}\big[-t \log s - (1 - t)\log(1 - s)\big] = s - t$$
#
# The logarithm cancels the sigmoid's slope: what remains is the error itself, close to $\pm 1$ when the unit is badly wrong. With squared error the slope stays, and a unit that is *confidently wrong* is saturated: it learns
# least where it should learn most.
#
# **Predict.** $t = 1$, $z = -8$. How large are the two gradients?

# %%
for logit in (-8.0, -4.0, 0.0):
    s, slope = act.sigmoid(np.array(logit)), act.sigmoid_grad(np.array(logit))
    print(f"z = {logit:>4}: s = {s:.4f}, squared error {(s - 1) * slope:8.5f}, cross-entropy {s - 1:8.5f}")

# %%
z = np.linspace(-8, 8, 321)
s = act.sigmoid(z)
squared = ((s - 1) ** 2 / 2, (s - 1) * act.sigmoid_grad(z))
entropy = (-np.log(s), s - 1)
costs = {"squared error": squared, "cross-entropy": entropy}

# %%
caption = "Target 1. At z = −8 the slope of the cross-entropy is −1.00, that of the squared error −0.0003."
figures.show(figures.draw_losses, z, costs, caption=caption, size=(8.5, 2.6))

# %% [markdown]
# The left picture also shows that the squared error is **not convex** in the logit: it flattens where it is large. The cross-entropy is
# convex. Measured by the curvature, and by the number of steps that one unit needs from $z = -6$:

# %%
curvature = [np.diff(values, 2).min() for values in (squared[0], entropy[0])]
print("bends down somewhere: squared error", curvature[0] < 0, "- cross-entropy", curvature[1] < -1e-12)
slopes = {"squared error": lambda s: (s - 1) * s * (1 - s), "cross-entropy": lambda s: s - 1}
for name, slope in slopes.items():
    logit, steps = -6.0, 0
    while logit < 0:
        logit, steps = logit - 0.5 * slope(1 / (1 + np.exp(-logit))), steps + 1
    print(f"{name}: {steps} steps until the unit is no longer wrong")

# %% [markdown]
# The other reason is statistical. Cross-entropy is the negative log-likelihood of the labels under the network's probabilities, so minimising it is
# *maximum likelihood*. Squared error is that too, for targets with normal noise: right for regression with a linear output. With softmax the
# story is the same: the gradient of the cross-entropy is $p - t$ (with $t$ one-hot), that of the squared error carries the Jacobian along, and the squared error is not convex in the logits.

# %%
drill("cross-entropy-gain")

# %%
drill("explain-cross-entropy-against-mse")

# %% [markdown]
# ## Dying ReLU
#
# **Question.** 'Neurons die permanently.' What happens there, can you make it happen, and is it really for ever?
#
# A ReLU unit is **dead** when its pre-activation is at most 0 on *every* example. Then its slope is 0 on every example, so the gradients of its
# weights and of its bias are exactly 0, and plain gradient descent does not move it. Silent on *some* examples is normal: that is sparsity.
#
# A network on 300 real digits: 64 pixels, 32 hidden ReLU units, 10 classes, plain gradient descent.

# %%
healthy = DigitNetwork().train(150, learning_rate=0.3)
print("rate 0.3:", healthy)
print(f"share of zeros among the activations: {(healthy.pre_activations() <= 0).mean():.0%}")

# %% [markdown]
# A third of all activations are zero, and the network is in good health. The three dead units account for about a quarter of these zeros; the others are in
# *different* units for different digits. **Predict:** what does a ten times larger learning rate do?

# %%
dead = DigitNetwork().train(50, learning_rate=3.0)
print("rate 3.0:", dead)
largest = dead.pre_activations().max(axis=0)
caption = (
    f"A learning rate of 3: {dead.dead_counts[10]} of 32 units are dead after 10 steps, "
    f"{int(dead.dead().sum())} after 50."
)
figures.show(figures.draw_dying_relu, dead.losses, dead.dead_counts, largest, caption=caption, size=(9, 2.5))

# %% [markdown]
# The first steps are so long that weights and biases jump far to the negative side. Pixels are never negative, so no digit can lift these
# units above 0 any more. The loss stops at $\ln 10 = 2.30$: guessing. Two ways to notice it: count the units that are silent on a whole
# pass over the data, and look at the gradients:

# %%
_, grads = dead.gradients()
print("dead units whose weights get a gradient:", int(np.abs(grads["w1"][:, dead.dead()]).any(axis=0).sum()))
dead.train(100, learning_rate=0.1)
print("a small rate now:", dead)

# %% [markdown]
# A careful learning rate comes too late. But the unit is only switched off. Raise its **bias**, by hand, and it lives:

# %%
print("raised by 3:", dead.revive(bias=3.0), "units live again")
print(dead.train(150, learning_rate=0.3))

# %% [markdown]
# So 'permanently' is too strong. Gradient descent *on this data* cannot move a dead unit of the first layer; other data can, a hand can, and
# deeper units can wake up when the layers below them change their inputs. A bad **bias** kills as well, without any step:

# %%
for bias in (0.0, -1.0, -2.0, -3.0):
    print(f"first bias {bias:>4}:", DigitNetwork(bias=bias).train(150, learning_rate=0.3))

# %% [markdown]
# And does leaky ReLU **fix** it? It keeps a gradient alive on the left, so nothing is ever exactly dead. Whether that gradient is enough is another
# question. The same bad start, $-3$, with four slopes ('dead' counts units that are negative on all digits):

# %%
for alpha in (0.0, 0.01, 0.1, 0.3):
    print(f"alpha {alpha:>4}:", DigitNetwork(bias=-3.0, alpha=alpha).train(150, learning_rate=0.3))

# %% [markdown]
# With the usual 0.01 the units are alive in theory and stuck in practice. 'Makes death unlikely and recovery possible' is the honest sentence.
# What helps, in this order: a sane learning rate (with warm-up: small in the first steps), He initialisation with biases at 0, normalised inputs, batch norm and gradient
# clipping (both at the end of the depth section); then a leaky variant.
#
# **Play.** The network below was trained with a rate of 3, and most of it is dead. Bring it back: raise the dead biases, choose a gentler rate, train.
# Then start again and find the largest rate that kills nobody.

# %%
rescue = ReluRescue()
rescue.train()
rescue

# %% [markdown]
# > [!SAY] What is a dying ReLU?
# > A unit whose pre-activation is at most 0 on every example: its slope is 0 everywhere, so it gets no gradient and stays off. Too large a learning
# > rate or a very negative bias does it. I would monitor the share of units that are silent over a whole epoch. Remedies are a lower rate, He
# > initialisation, normalisation, or a leaky activation, which leaves a small gradient. Many zeros are not
# > the problem; that is how ReLU works.

# %%
drill("largest-dead-bias")

# %%
drill("what-kills-a-relu")

# %%
drill("bug-dead-count")

# %% [markdown]
# ## Keeping the variance: Xavier and He
#
# **Question.** How large should the first weights be?
#
# **Intuition.** Every layer multiplies the size of the signal by some factor. Thirty layers multiply it thirty times. Unless the factor is close to 1, the
# signal fades away or blows up, and so does the gradient on its way back. Choose the spread of the weights so that the factor *is* 1.
#
# **Derivation, forwards.** One output sums over $n_\text{in}$ inputs (the **fan-in**): $z = \sum_i w_i a_i$. Let the weights be independent of
# the inputs and of each other, with mean 0. Then products of different weights average out, and
#
# $$\text{Var}(z) = n_\text{in} \cdot \text{Var}(w) \cdot E[a^2]$$
#
# - **Linear around 0** (tanh, none): $a \approx z_\text{before}$, so $E[a^2] = \text{Var}(z_\text{before})$. The factor is
#   $n_\text{in} \text{Var}(w)$, and it is 1 for $\text{Var}(w) = 1 / n_\text{in}$.
# - **ReLU**: $z_\text{before}$ is symmetric around 0, and the negative half is cut off: $E[a^2] = \frac12 \text{Var}(z_\text{before})$. So
#   $\text{Var}(w) = 2 / n_\text{in}$. That is **He** (Kaiming) initialisation.
#
# **Backwards** the same sum runs over the outputs that an input reaches (the **fan-out**), which asks for $1 / n_\text{out}$ (or $2 / n_\text{out}$).
# Both cannot hold unless the layer is square. **Xavier** (Glorot) puts the average of the two counts in the denominator:
# $\text{Var}(w) = 2 / (n_\text{in} + n_\text{out})$. Textbooks recommend it 'for tanh and sigmoid'; but the sigmoid has slope $\frac14$ at 0 and is not centred, so
# the derivation does not fit it. He et al. found that for $2 / n$ either direction alone is enough: multiplied over all layers the inner counts cancel, so that the other
# direction is off by one constant, not by a factor per layer.
#
# For a **convolution** one output sums over the whole window: $n_\text{in} = K_H K_W C_\text{in}$, $\;n_\text{out} = K_H K_W C_\text{out}$.
#
# **Check** the formula by measuring. 3×3, 32 channels, on the ReLU of normal numbers; once with the fan-in 288, once with the popular mistake 32:

# %%
z_before = rng.normal(size=(4, 20, 20, 32))
a = act.relu(z_before)
print(f"E[a²] behind ReLU: {(a**2).mean():.3f} of the variance {z_before.var():.3f}")
for fan_in in (288, 32):
    w = rng.normal(size=(3, 3, 32, 64)) * np.sqrt(2 / fan_in)
    print(f"variance 2/{fan_in}: Var(z) = {vectorized.conv2d(a, w).var():.2f}")

# %% [markdown]
# Nine times too much variance at every layer: after ten layers that is a factor of $9^{10}$, three and a half billion.
#
# **Predict.** Thirty ReLU layers. What does Xavier do to the variance? What does a standard deviation of 0.01 do, once the default of many programs?

# %%
schemes = ("He", "Xavier", "std 0.01", "std 1")
runs = {name: propagate("relu", name, 30).variances for name in schemes}
for name, variances in runs.items():
    print(f"{name:>8}: variance of z {variances[0]:.1e} in layer 1, {variances[29]:.1e} in layer 30")

# %%
caption = "30 ReLU layers: only He keeps the variance; Xavier halves it at every layer, to about 1e-9."
figures.show(figures.draw_variances, runs, caption=caption, size=(8, 2.7))

# %% [markdown]
# Xavier's factor is $\frac12$ per ReLU layer, and $2^{-29} \approx 2 \cdot 10^{-9}$. The run ends at about half of that, as He's run does
# (from 1.9 to 0.9): its layers are finite samples. For tanh Xavier is right, nearly: each layer squashes a little, so the variance falls slowly (like one over the depth) instead of exponentially:

# %%
for name in ("Xavier", "He"):
    variances = propagate("tanh", name, 30).variances
    print(f"tanh with {name:>6}: layers 1, 5, 15, 30:", variances[[0, 4, 14, 29]].round(2))

# %% [markdown]
# Why random at all? With **equal** weights all units of a layer compute the same and get the same gradient: they stay copies of one another for
# ever, and the layer has one unit. Randomness breaks the symmetry. (Biases may start at 0: the weights tell the units apart.)

# %%
copies = DigitNetwork(hidden=8)
copies.w1[:], copies.w2[:] = 0.05, 0.05
_, grads = copies.train(20, learning_rate=0.1).gradients()
print("all eight units have the same weights:", np.allclose(copies.w1, copies.w1[:, :1]))
print("and the same gradient:", np.allclose(grads["w1"], grads["w1"][:, :1]))

# %% [markdown]
# > [!FRAMEWORKS] Who starts with what?
# > Keras: `glorot_uniform` for dense and convolutional layers, biases 0; limits $\pm\sqrt{6 / (n_\text{in} + n_\text{out})}$, since a uniform distribution on $\pm a$ has the variance
# > $a^2 / 3$. PyTorch: `kaiming_uniform_(a=√5)` for linear and convolutional layers, which comes to $\text{Var}(w) = 1 / (3\,n_\text{in})$, a sixth of He's variance: call
# > `kaiming_normal_` yourself for a deep ReLU network without normalisation. Leaky ReLU: $2 / ((1 + \alpha^2)\, n_\text{in})$.

# %%
drill("he-variance-conv")

# %%
drill("relu-variance-chain")

# %%
drill("bug-he-fan-in")

# %% [markdown]
# ## Depth, initialisation and activation
#
# **Question.** Activation, initialisation, depth: which combinations train?
#
# Take the plainest deep network: dense layers of 64 units, random inputs, a random gradient at the end. Send the one forwards, the other backwards, and
# compare the gradient in the first layer with that at the end. The map shows powers of ten: 0 means that it arrives as large as it started.
#
# **Predict.** Twenty layers. In which *row* is there no good cell at all?

# %%
map20 = depth_map(20)
caption = (
    "log10 of the gradient in the first of 20 layers. Blue vanishes, orange explodes. "
    f"ReLU with He: {map20.gradient[3, 3]:.1f}; sigmoid with Xavier: {map20.gradient[1, 2]:.1f}."
).replace(" -", " −")
names = (map20.gradient, map20.functions, map20.schemes)
figures.show(figures.draw_named_map, *names, caption=caption, size=(8.5, 3.6))

# %%
print(map20)

# %% [markdown]
# Read it by rows and columns:
#
# - **ReLU** (and leaky ReLU): each layer multiplies the gradient by $\sqrt{n \text{Var}(w) / 2}$. Xavier: $\sqrt{1/2}^{\,20} = 10^{-3.0}$. He: 1. Twice He:
#   $10^{+3.0}$. The measured cells scatter around that, because 64 units are a finite sample.
# - **Tanh** is the most forgiving: saturation holds the signal, so that both Xavier and He arrive.
# - **Sigmoid**: blue everywhere. Where the weights are small the slope is 0.25, where they are large it saturates. Only
#   a standard deviation beyond 1 outweighs the flat slopes, on a knife's edge (next cell): a little less and the gradient vanishes, a little more and it explodes.
# - **std 0.01** vanishes in every row, **std 1** explodes in every row but the sigmoid's. Saturation is no protection: tanh with std 1 has flat slopes *and* huge weights, and
#   its gradient explodes.
# - **GELU and SiLU** lose more than ReLU at He's variance: near 0 their slope is $\frac12$, whose square, $\frac14$, is half of ReLU's
#   average squared slope.
#
# The sigmoid's knife's edge, for 50 layers of 64 units:

# %%
for std in (1.0, 1.5, 2.0, 3.0):
    print(f"std {std}: gradient x 10^{np.log10(propagate('sigmoid', std, 50).gradients[0]):.1f}")

# %% [markdown]
# **Depth** is the exponent. A factor of 0.8 per layer is harmless at 5 layers (0.33) and deadly at 50 ($1.4 \cdot 10^{-5}$):

# %%
for depth in (5, 20, 50):
    column = depth_map(depth, ("sigmoid", "tanh", "relu"), ("Xavier", "He"))
    print(f"{depth:>2} layers, log10 of the gradient\n{column}")

# %% [markdown]
# **Play.** Point at any cell of the map, then walk along the curves layer by layer. Which columns survive 50 layers of tanh? Which cells
# explode although their signal stays bounded?

# %%
DepthLab()

# %% [markdown]
# What else keeps deep networks alive: **batch norm** rescales every layer's signal while training and forgives a bad start; **skip
# connections** add a path with factor 1 (chapter 05 measures it); **gradient clipping** caps explosions; **pretrained weights** start from a
# network that already works, usually the best initialisation of all.
#
# > [!INTERVIEW] Batch norm before or after the activation?
# > The paper has conv, batch norm, ReLU: it normalises the pre-activations, which keeps them out of saturation and about half of the ReLUs on.
# > Batch norm after ReLU works in practice too, and pre-activation ResNets use batch norm, ReLU, conv. Whichever you take, be consistent. If batch norm comes
# > straight after the convolution, the convolution's bias is useless: the mean is subtracted, and batch norm's own shift takes over.

# %%
drill("xavier-uniform-limit")

# %%
drill("explain-xavier-and-he")

# %% [markdown]
# ## GELU and SiLU
#
# **Question.** Transformers use GELU, EfficientNet uses SiLU. What do they do that ReLU does not?
#
# **Intuition.** ReLU is a gate that is open (1) or shut (0): $x \cdot [x > 0]$. Make the gate soft: $x \cdot \Phi(x)$, with $\Phi(x)$ the probability that a
# standard normal number is below $x$, gives **GELU**; $x \cdot \sigma(x)$ gives **SiLU** (swish). Far out both approach ReLU; near 0 they are smooth. On the left they
# dip below 0 and come back, so they are *not monotonic*, and their derivative is negative there.

# %%
fine = np.linspace(-6, 6, 120_001)
for name in ("gelu", "silu"):
    f, slope = FUNCTIONS[name]
    lowest = f(fine).argmin()
    print(
        f"{name}: lowest {f(fine)[lowest]:.3f} at x = {fine[lowest]:.2f}, slope at 0: {slope(np.zeros(1))[0]:.2f}"
    )

# %% [markdown]
# They have no kink, and almost no place where the slope is exactly 0: a unit that is a little negative still learns. The price is an exponential (or an error
# function) where ReLU has a comparison. Two cheaper stand-ins: GELU's tanh form, and *hard swish*, $x \cdot \text{relu6}(x + 3) / 6$, in MobileNetV3
# ($\text{relu6}$ is ReLU cut at 6, for low-precision hardware).

# %%
gap = np.abs(act.gelu(fine) - act.gelu(fine, approximate="tanh")).max()
hard_swish = fine * np.clip(fine + 3, 0, 6) / 6
print(
    f"GELU by tanh is off by at most {gap:.1e}; hard swish from SiLU by {np.abs(hard_swish - act.silu(fine)).max():.2f}"
)

# %%
drill("silu-derivative-formula")

# %% [markdown]
# ## Which one where?
#
# | place | choice | because |
# |---|---|---|
# | hidden layers of a CNN | ReLU | cheap, slope 1 where it is on, trains well with He and batch norm |
# | if units die | leaky ReLU, ELU | a slope on the left |
# | transformers, newer CNNs | GELU, SiLU | smooth, often a little better, costs more |
# | recurrent state | tanh | bounded and centred |
# | gates, attention masks | sigmoid | a share between 0 and 1 |
# | one of K classes | softmax + cross-entropy | probabilities that sum to 1 |
# | several labels at once | one sigmoid + binary cross-entropy per label | independent questions |
# | two classes | one sigmoid (or softmax of 2) | the same thing |
# | regression | none (for positive targets softplus, $\log(1 + e^x)$) | any number may come out |
# | images from a generator | tanh or sigmoid | pixels have bounds |
#
# A sigmoid on each unit of a *one-of-K* head is a common bug: its outputs do not sum to 1. So is a ReLU before a softmax: all negative logits become equal.

# %%
head = np.array([2.0, 1.0, -1.0])
print("sigmoids:", act.sigmoid(head).round(2), "sum", act.sigmoid(head).sum().round(2))
print("softmax: ", act.softmax(head).round(2), "sum", act.softmax(head).sum().round(2))

# %%
drill("multi-label-output")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. Without a bend between them, layers collapse into one. ReLU networks are piecewise linear.
# 2. The chain rule multiplies slopes: sigmoid at most 0.25, tanh at most 1, ReLU 0 or 1. Large $|x|$ saturates.
# 3. Softmax is a vector map: subtract the maximum, compute log-softmax from logits, and with cross-entropy the gradient is $p - t$.
# 4. A ReLU is dead when it is silent on all examples. Learning rate and bias kill it; the bias, other inputs or a leaky slope can bring it back.
# 5. $\text{Var}(z) = n_\text{in} \text{Var}(w) E[a^2]$: He $2/n_\text{in}$ for ReLU, Xavier $2/(n_\text{in} + n_\text{out})$ for tanh; for a convolution $n_\text{in} = K_H K_W C_\text{in}$.
#
# | Formula | |
# |---|---|
# | $\sigma' = \sigma(1 - \sigma) \le 0.25$ | sigmoid |
# | $\tanh' = 1 - \tanh^2 \le 1$ | tanh |
# | $\partial p_i / \partial z_j = p_i(\delta_{ij} - p_j)$ | softmax |
# | $dz = p \odot (dp - \langle dp, p\rangle)$ | softmax, backwards |
# | $\log p_i = z_i - m - \log\sum_j e^{z_j - m}$ | log-softmax, $m = \max z$ |
# | $(s - t)\,\sigma'$ against $s - t$ | squared error, cross-entropy |
# | $2 / (K_H K_W C_\text{in})$ | He's variance |
# | $\pm\sqrt{6 / (n_\text{in} + n_\text{out})}$ | limits of uniform Xavier |

# %% [markdown]
# ## More drills
#
# The cards above belong to their sections; these mix them. `python -m cnnkit drill` in a terminal asks first for what you are about to forget.
#
# **Type the formula.**

# %%
drill("sigmoid-derivative-formula")

# %%
drill("he-spread-formula")

# %%
drill("doubled-weights-loss")

# %% [markdown]
# **Write it, and find the bug.**

# %%
drill("softmax-backward-code")

# %%
drill("bug-leaky-gate")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("explain-activation-tour")

# %%
drill("explain-relu-at-zero")

# %%
drill("explain-stable-cross-entropy")

# %% [markdown]
# ## Sources
#
# - Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010), equations 12 to 16: the variances, the compromise, the
#   uniform limits.
# - He, Zhang, Ren, Sun, *Delving Deep into Rectifiers* (2015), equations 10 and 14, and PReLU: $2 / n$ forwards or backwards.
# - Nair, Hinton, *Rectified Linear Units Improve Restricted Boltzmann Machines* (2010); Glorot, Bordes, Bengio, *Deep Sparse Rectifier Neural Networks* (2011).
# - Maas, Hannun, Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models* (2013): leaky ReLU, slope 0.01.
# - Clevert, Unterthiner, Hochreiter, *Fast and Accurate Deep Network Learning by Exponential Linear Units* (2015).
# - Hendrycks, Gimpel, *Gaussian Error Linear Units* (2016), with the tanh form; Ramachandran, Zoph, Le, *Searching for Activation Functions* (2017): swish.
# - Howard and others, *Searching for MobileNetV3* (2019): hard swish.
# - Ioffe, Szegedy, *Batch Normalization* (2015), section 3.2: batch norm before the non-linearity, and why the bias goes.
# - Goodfellow, Bengio, Courville, *Deep Learning* (2016), sections 4.1 and 6.2: overflow, log-sum-exp, output units and their losses.
# - Alpaydin, Kaynak, *Optical Recognition of Handwritten Digits* (UCI, 1998): the digits.
# - The course's text, *Deep Dive Section 4*: its table of four functions. Here the ranges are ranges, tanh, ELU, GELU and SiLU are added, and three of its words
#   ('large inputs', 'permanently', 'fixes') are replaced by what was measured.
