# %% [markdown]
# # Chapter 08. The parallel engine: the same sums, in another order
#
# **After this chapter you can answer**
#
# 1. Why is a convolution in plain loops slow, and what makes the fast one fast, step by step?
# 2. Is a layer limited by arithmetic or by memory? How do you find out?
# 3. Eight cores: how many times faster, and what eats the rest?
# 4. What is a race, how do you find one, and how do you serve one model to many threads safely?
# 5. Why do convolutions run well on a graphics processor, and what does it ask of your layout and batch?
# 6. What do folding batch norm, eight-bit integers and pruning buy at deployment, and what do they cost?
#
# **Time** 75 minutes to read and play, 45 more for the drills.
#
# **Builds on** chapter 01 for the convolution and im2col, chapter 05 for gradients and batch norm, chapter 06 for sigmoid and softmax,
# chapter 07 for residual blocks and depthwise layers.

# %%
import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import permutations
import numpy as np
from cnnkit import cache, data, deploy, figures, layers, network, zoo
from cnnkit.drills import drill
from cnnkit.engine import InferenceEngine, load, source
from cnnkit.kernels import loops, parallel
from cnnkit.kernels.parallel import ladder, races
from cnnkit.roofline import conv2d_work, dense_work, measure_machine, place, race
from cnnkit.widgets import LadderBench

# %% [markdown]
# ## The engine of the source
#
# **Question.** The text that this course grew from ends with a class in Java: an inference engine for servers, 'thread-safe' and 'high-performance'. How does
# it work, and would you deploy it?
#
# **Intuition.** Every output row of a convolution can be computed without the others. So cut the rows into as many chunks as there are cores, hand each chunk
# to a thread of a pool, wait for all.
#
# | part | what it does |
# |---|---|
# | constructor | asks for the number of cores and starts a pool with that many threads |
# | `forwardConvolution2D` | valid convolution of one image `[H][W][C]` with `[KH][KW][C][F]`, plus bias, through ReLU; chunks of output rows |
# | `forwardMaxPooling2D` | square windows, no padding; chunks of output rows |
# | `forwardDense` | a batch `[B][P]` with weights `[T][P]`, plus bias, through a sigmoid; chunks of the *batch* |
# | each of them | submits a task for each chunk, then waits for every future |
# | `shutdownEngine` | ends the pool, if somebody calls it |
#
# **Literal loops.** `source.SourceEngine` is that class in Python, line by line, faults included. Its heart:

# %%
engine_text = inspect.getsource(source.SourceEngine.forward_convolution_2d)
print(engine_text.partition("columns, filters))")[2].partition("        self._share")[0])

# %% [markdown]
# Ours has the same three methods, and one for whole networks. On valid input both agree:

# %%
parallel.warm_up(verbose=False)
java, ours = source.SourceEngine(cores=4), InferenceEngine()
rng = np.random.default_rng(8)
x, w, b = rng.normal(size=(9, 8, 3)), rng.normal(size=(3, 3, 3, 4)), rng.normal(size=4)

# %%
rows, matrix = rng.normal(size=(5, 12)), rng.normal(size=(4, 12))
for name, arguments in {
    "forward_convolution_2d": (x, w, b, 2),
    "forward_max_pooling_2d": (x, 3, 2),
    "forward_dense": (rows, matrix, b),
}.items():
    theirs, mine = getattr(java, name)(*arguments), getattr(ours, name)(*arguments)
    print(f"{name:<23} {theirs.shape!s:<10} the same: {np.allclose(theirs, mine)}")

# %% [markdown]
# ## What goes wrong inside it
#
# **Question.** It is right on valid input. What does it do with the rest? The faults below are all real, and nearly each is proven by a
# number. Before each cell:
# what would *you* expect, and what will it print?
#
# **Fault 1. NaN becomes 0.** The store is `z if z > 0.0 else 0.0`. Every comparison with NaN is false, so a broken input looks like a quiet neuron.

# %%
broken = x.copy()
broken[4, 4, 1] = np.nan
for name, engine in (("source", java), ("ours", ours)):
    y = engine.forward_convolution_2d(broken, w, b, 1)
    print(f"{name:>6}: {np.isnan(y).sum()} of {y.size} outputs are NaN")

# %% [markdown]
# Nine windows contain the pixel, times four filters: 36. A camera that delivers NaN must not pass for a calm scene.

# %%
drill("nan-through-java-relu")

# %% [markdown]
# **Fault 2. The lowest start is not low enough.** Pooling starts at `-Double.MAX_VALUE` and takes what is larger. Nothing is larger in a
# window of NaN only, nor in one of $-\infty$ only (a
# masked region). And a NaN among numbers is passed over in silence.

# %%
for value in (np.nan, -np.inf):
    window = np.full((2, 2, 1), value)
    theirs, mine = (engine.forward_max_pooling_2d(window, 2, 2).item() for engine in (java, ours))
    print(f"max of {value:>4}: source {theirs:.3e}, ours {mine}")

# %%
drill("bug-lowest-start")

# %%
drill("lowest-double")

# %% [markdown]
# **Faults 3 to 5. Shapes are trusted.** Sizes are read from the first row and the first filter; whether the rest fits is nobody's business.
#
# **Predict.** A kernel with three channels more than the image. A kernel larger than the image. A negative stride. Which of them raises?


# %%
def outcome(function, *arguments):
    try:
        return f"a result of shape {function(*arguments).shape}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:76]}"


def kernel(size, channels=3):
    return np.ones((size, size, channels, 4))


cases = {
    "three channels too many": (kernel(3, 6), 1),
    "kernel 10 on 9x8": (kernel(10), 1),
    "kernel 9 on 9x8, stride 2": (kernel(9), 2),
    "stride -8": (kernel(2), -8),
}

# %%
for name, (filters, stride) in cases.items():
    print(name)
    for engine in (java, ours):
        print("   ", outcome(engine.forward_convolution_2d, x, filters, b, stride))

# %% [markdown]
# - Extra kernel **channels** are ignored in silence: the loop runs over the input's channels.
# - A kernel **larger** than the input: Java's integer division rounds towards zero, $(8 - 9) / 2 + 1 = 1$, where rounding down gives 0.
#   Depending on the numbers there is an empty result, a negative array
#   size, or an access out of bounds in a worker.
# - A **negative stride** can give a perfectly shaped wrong answer.
#
# **Faults 6 and 7. Activations you cannot switch off.** ReLU is nailed to every convolution, and a sigmoid to every dense layer. A residual block adds *before* its last ReLU, so this engine
# cannot run ResNet. And ten sigmoids are no distribution over ten classes:

# %%
scores = java.forward_dense(rows[:1], rng.normal(size=(10, 12)), np.zeros(10))
print(f"ten class scores sum to {scores.sum():.2f}")
print("negative outputs of any convolution:", int((java.forward_convolution_2d(x, w, b, 1) < 0).sum()))

# %%
drill("bug-forced-relu")

# %%
drill("sigmoid-head")

# %% [markdown]
# **Fault 8. 'Stable' sigmoid.** A comment calls $1 / (1 + e^{-z})$ stable. For $z = -800$ the exponential overflows to infinity; the *value*, $1/\infty = 0$, is right by luck of IEEE
# arithmetic (in Python, `math.exp` raises). But what is usually done next is a logarithm, and there the difference is infinite:

# %%
z = np.array([[-800.0]])
p = java.forward_dense(z, np.ones((1, 1)), np.zeros(1)).item()
print(f"source: p = {p}, so -log(p) is infinite; from the logit: log(1 + e^800) = {np.logaddexp(0, 800):.0f}")
print(f"1 - sigmoid(40): {1 - 1 / (1 + np.exp(-40.0))}, sigmoid(-40): {1 / (1 + np.exp(40.0)):.3e}")

# %% [markdown]
# Stable means: the exponential of a *negative* number only, $e^{-|z|}$ (chapter 06), and a loss that takes the logit.

# %%
drill("bug-stable-sigmoid")

# %% [markdown]
# **Fault 9. A failing task does not stop its siblings.** One row of this image is too short. The first chunk fails at once; the caller gets an exception. What do the other
# three threads do?

# %%
ragged = [[[1.0], [1.0]], [[1.0]]] + [[[1.0], [1.0]]] * 6
fresh = source.SourceEngine(cores=4)
print(outcome(fresh.forward_convolution_2d, ragged, np.ones((1, 1, 1, 1)), [0.0], 1))
fresh.shutdown()
print("chunks of rows that were computed all the same:", sorted(fresh.finished))
print(outcome(ours.forward_convolution_2d, ragged, np.ones((1, 1, 1, 1)), np.zeros(1), 1))

# %% [markdown]
# They work on, for nobody. **Fault 10** is in the `catch (Exception e)` around the waiting: it also swallows `InterruptedException`, and
# the thread's interrupt flag is already cleared when that one is thrown. A server
# that wants to stop this thread asks in vain. The repair, in Java: catch `ExecutionException` and `InterruptedException` apart; on either
# cancel the tasks that are left, and on an interruption call `Thread.currentThread().interrupt()` besides before you leave.
#
# **Fault 11. The pool leaks.** Its threads are no daemons (threads that a program does not wait for at its end): a program that forgets
# `shutdownEngine()` never ends, and every engine made for one request leaves its threads behind. Ours owns no threads
# and is a context manager; it closes on an exception and on Ctrl-C too, and says so when it is used afterwards:

# %%
with InferenceEngine() as short_lived:
    short_lived.forward_max_pooling_2d(x, 2, 2)
print(outcome(short_lived.forward_max_pooling_2d, x, 2, 2))

# %%
drill("swallowed-interrupt")

# %% [markdown]
# **Faults 12 to 14 cost time**, and have sections of their own below:
#
# | Fault | What it costs | Section |
# |---|---|---|
# | 12. the innermost loop strides through memory | every number comes from another cache line | Memory: layouts and caches |
# | 13. chunks are rounded up | idle cores | Threads, chunks and Amdahl's law |
# | 14. a batch of one runs a dense layer on a single core | all cores but one | Threads, chunks and Amdahl's law |
#
# > [!INTERVIEW] Review this class
# > Given code to review, go in this order: *correctness on valid input* (test it against another implementation), *invalid input* (NaN, empty, mismatched, negative), *failure* (exceptions,
# > cancellation, interruption), *lifetime* (who closes what), and only then *speed* (memory order, idle cores, the single request). Name the proof for every claim.

# %% [markdown]
# ## The ladder: same sums, another order
#
# **Question.** All of these compute the same convolution, all but the last with the same multiply-adds. Why is one thousands of times
# faster than another?
#
# **Intuition.** A processor core multiplies and adds a vector of 4 to 16 numbers in one instruction, and can start one or two of them every cycle. It reaches that only if the numbers
# are already there: in registers, or at least in the nearest cache, next to each other, with enough independent sums that none waits for
# another. So every rung but the last changes the *order*
# of the same sums, never the sums.

# %%
for number, rung in enumerate(ladder.LADDER, start=1):
    print(f"{number}. {rung.name}: {rung.why}\n")

# %% [markdown]
# **A check that all agree**, on a small layer (3×3, stride 1, 'same' padding), with the literal loops as the judge. Do this *before*
# looking at any clock:

# %%
image, filters, bias = race.Problem(size=11, channels=7, filters=40).arrays
literal = loops.conv2d(image, filters, bias, padding="same")
for rung in ladder.LADDER:
    agrees = np.allclose(rung.function(image, filters, bias), literal, rtol=1e-3, atol=1e-4)
    print(f"{rung.name:<40} agrees: {agrees}")

# %% [markdown]
# **Predict.** From the first rung to the last: ten times faster, a thousand, a hundred thousand? And which single step brings most?
# Commit to a guess, then let them race on a 56×56 layer with 64 channels and 64 filters. (1 GFLOP/s is a billion floating-point
# operations a second; a multiply-add counts as two.) (Slow rungs compute a part of it, and the rest is extrapolated.)

# %% tags=["nbval-ignore-output"]
contest = race.Race(race.Problem(size=56, channels=64, filters=64), ladder.LADDER)
while contest.step():
    pass
speeds = {entry.rung.name: entry.gflops for entry in contest.entries if entry.gflops}
machine = measure_machine("float32")
times = max(speeds.values()) / min(speeds.values())
caption = f"GFLOP/s of every rung, on a logarithmic scale: the fastest is {times:,.0f} times the slowest."
figures.show(figures.draw_ladder, speeds, machine.peak_gflops, caption=caption, size=(8.4, 3.4))

# %% [markdown]
# What each step does, in the order in which it pays to learn them:
#
# 1. **Literal loops.** Python spends around a microsecond on each multiply-add: it looks up types, boxes numbers, counts references. The
#    arithmetic takes less than a nanosecond.
# 2. **NumPy windows.** The loops move into compiled code: windows as a *view* (stride tricks copy nothing), then one tensor product. Inside it is a matrix product: the windows are copied into rows, `(N*H*W, 9*C)`, which are 9 times the input, and a tuned BLAS multiplies. Fast for the reason that a BLAS is, at the price of that memory; process a part of the rows at a time when it is tight.
# 3. **Compiled loops in the source's order.** Numba compiles the six loops. The sum over channels walks through the weights in strides,
#    and each addition waits for the one before. Expect it *below* rung 2, whose BLAS has all the following steps inside.
# 4. **Outputs innermost.** The innermost loop runs over the *filters*: contiguous weights, contiguous outputs, independent sums. The compiler turns it into vector instructions.
# 5. **Blocking.** A vector of weights that is in a register is used for several output positions; a small block of sums stays in
#    registers or the nearest cache until it is complete. Weights are packed once, so that the loop reads them in order.
# 6. **Vectors by hand.** A *micro-kernel* says which registers hold what, instead of hoping that the compiler sees it.
# 7. **Winograd.** Fewer multiplications. The only rung that changes the sums, and so the rounding.
#
# The widget times them all on *your* machine; guess first.

# %%
LadderBench()

# %% [markdown]
# ### The code of the rungs
#
# Rungs 1 and 2 are chapter 01's. Rung 3 is the source's order, compiled. Look at the innermost loop: which index of `w` moves?

# %%
print(inspect.getsource(ladder.LADDER[2].function.kernel))

# %% [markdown]
# Rung 4 moves one loop. Now the innermost loop walks along the last axis of `w` and of the result, and no addition waits for another:

# %%
print(inspect.getsource(ladder.LADDER[3].function.kernel))

# %% [markdown]
# Each sum is still loaded and stored for every multiply-add. Rung 5 completes 128 of them (4 positions by 32 filters) in a small block of
# the nearest cache: each sum is loaded and stored once for *four* multiply-adds, and each loaded weight is used for four positions:

# %%
print(inspect.getsource(ladder.LADDER[4].function.kernel))

# %% [markdown]
# Rung 6, the micro-kernel: the sums are *values* with names now, one vector each. One load of weights serves six positions; windows are read where they are, so nothing is copied.

# %%
print(inspect.getsource(ladder.LADDER[5].function.kernel))

# %% [markdown]
# **Why wide strips?** Computing one output column at a time, a $k$-wide kernel reads $k$ input columns for each. Computing $D$ neighbouring columns together, it reads $k + D - 1$ columns for $D$ outputs: $(k + D - 1) / D$ each, nearly 1 for large $D$. What limits $D$: the sums must stay in registers (16 or 32 vectors), the strip in the nearest cache, and there must be strips enough for all cores.

# %%
for d in (1, 2, 4, 8, 16):
    print(f"3-wide kernel, {d:>2} columns at a time: {(3 + d - 1) / d:.2f} columns read for each output")

# %% [markdown]
# **Convolution as a matrix product: efficient or not?** As the full *Toeplitz* matrix of chapter 01: no, it is nearly all zeros. As im2col and a BLAS: usually yes, for $K_H K_W$ times the memory. As an *implicit* matrix product, where tiles are gathered as they are needed: that is what fast libraries do, and our direct kernel.
#
# **Winograd's idea**, in one dimension. Two neighbouring outputs of a filter with three weights (*taps*) take 6 multiplications. As sums
# of products of sums they take only 4:

# %%
d, g = rng.normal(size=4), rng.normal(size=3)
m1, m2 = (d[0] - d[2]) * g[0], (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2
m3, m4 = (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2, (d[1] - d[3]) * g[2]
print("4 products:", np.allclose([m1 + m2 + m3, m2 - m3 - m4], [d[:3] @ g, d[1:] @ g]))
for m in (2, 4):
    few, many = (m + 2) ** 2, 9 * m * m
    print(f"2-D, F({m}x{m}, 3x3): {few} multiplications for {many}: {many / few:.2f} times fewer")

# %% [markdown]
# Rung 7 does that to rows and columns of 6×6 tiles; here is the input's part, additions and a few small factors:

# %%
print(inspect.getsource(ladder.LADDER[6].function.kernel))

# %% [markdown]
# The sums of filter taps are made once, when the weights are packed; those of the input cost additions. In two dimensions
# $F(4{\times}4, 3{\times}3)$, which makes 4×4 outputs of a 3×3 kernel at once, needs 36 multiplications in place of 144. The price is
# rounding: the transforms multiply by numbers up to 8 and subtract again. Measured against float64:

# %%
image, filters, bias = race.Problem(size=28, channels=64, filters=64).arrays
exact = parallel.conv2d(image.astype(float), filters.astype(float), padding="same", algorithm="direct")
errors = {}
for name in ("direct", "winograd"):
    y = parallel.conv2d(image, filters, padding="same", algorithm=name)
    errors[name] = np.abs(y - exact).max() / np.abs(exact).max()
print("Winograd's error is the larger one:", errors["direct"] < errors["winograd"])
print("and below 1e-4 of the largest output:", errors["winograd"] < 1e-4)

# %% [markdown]
# > [!MISTAKE] Bugs of hand-written convolutions
# > An output size without the floor, or off by one. NCHW and NHWC mixed up in a reshape. Bias along the wrong axis. Padding on the wrong axes. A buffer reused before it was read. im2col of a whole batch that does not fit into memory. float64 by accident, at half the speed. How to catch them: compare with the literal loops on small, odd, *non-square* shapes, kernels
# > that are not square either, stride 2, numbers of channels and filters one above and one below a block's size; and a gradient check.
#
# > [!SAY] Why is the naive convolution slow?
# > Not because of the number of operations. In Python each one drags an interpreter along. Compiled, in the wrong order, it strides through memory and each addition waits for the last. Put the contiguous axis innermost, keep a block of independent sums in registers, reuse every loaded vector several times, pack the weights once, share out over the cores; then Winograd saves multiplications for 3×3.

# %% [markdown]
# ## Arithmetic intensity and the roofline
#
# **Question.** Is a layer slow because the machine cannot multiply faster, or because the numbers do not arrive faster?
#
# **Formula.** A convolution takes $H_\text{out} W_\text{out} \cdot C_\text{out} \cdot K_H K_W C_\text{in} / \text{groups}$ multiply-adds (**MACs**). A multiply-add is two floating-point operations, so FLOPs are twice
# that (papers mix the two up: 'ResNet-50 has 4 GFLOPs' means MACs). Parameters are
# $C_\text{out}(K_H K_W C_\text{in} / \text{groups} + 1)$ with biases, and do not depend on height, width, stride or padding; work does.
# (The biases add one addition for each output, which is usually left out.) **Arithmetic
# intensity** is operations per byte that must cross the memory bus: each input and weight read once, each output written once. A machine with peak $P$ and bandwidth $B$ reaches at most
#
# $$\min(P,\; B \cdot \text{intensity}).$$
#
# The two ceilings meet at the **ridge**, intensity $P / B$. Left of it memory limits, right of it arithmetic.
#
# **Predict.** Order by intensity: a 3×3 convolution, a 1×1 convolution, a depthwise 3×3, a dense layer for a batch of one and of 256.

# %%
works = {
    "conv 3x3, 64 to 64, 56x56": conv2d_work((1, 56, 56, 64), (3, 3, 64, 64), padding="same"),
    "conv 1x1, 256 to 64, 56x56": conv2d_work((1, 56, 56, 256), (1, 1, 256, 64)),
    "depthwise 3x3, 128, 56x56": conv2d_work((1, 56, 56, 128), (3, 3, 1, 128), padding="same", groups=128),
    "dense 4096 to 1000, batch 1": dense_work(1, 4096, 1000),
    "dense 4096 to 1000, batch 256": dense_work(256, 4096, 1000),
}
for name, work in works.items():
    print(f"{name:<30} {work.flops / 1e6:7.1f} MFLOP, {work.bytes / 1e6:5.2f} MB: {work.intensity:5.1f}")

# %% [markdown]
# A dense layer for one image uses each weight once: half an operation per byte, hopeless on any machine. Batching multiplies its intensity, because the weights are read once for all. And the **depthwise** convolution is
# cheap in operations and poor in intensity: that is why networks of depthwise layers are slower than their MACs promise.
#
# **Worked example.** A 3×3 layer from 64 to 128 channels at 56×56, against depthwise 3×3 plus pointwise 1×1:

# %%
full = conv2d_work((1, 56, 56, 64), (3, 3, 64, 128), padding="same")
depth = conv2d_work((1, 56, 56, 64), (3, 3, 1, 64), padding="same", groups=64)
point = conv2d_work((1, 56, 56, 64), (1, 1, 64, 128))
separable, ratio = (depth.flops + point.flops) // 2, full.flops / (depth.flops + point.flops)
print(f"{full.flops // 2:,} multiply-adds against {separable:,}: {ratio:.1f} times fewer")
print(f"weights {9 * 64 * 128:,} against {9 * 64 + 64 * 128:,}")
print(f"intensity {full.intensity:.0f} against {depth.intensity:.1f} and {point.intensity:.0f} FLOP per byte")

# %% [markdown]
# **Your machine's roof**, measured now: multiply-adds in registers for the flat part, `a = b + s * c` over arrays too large for the caches for the slope (`python -m cnnkit roofline` tells more).

# %% tags=["nbval-ignore-output"]
placements = {}
for name, size, channels, w_shape, groups in (
    ("3x3, 64 to 64", 56, 64, (3, 3, 64, 64), 1),
    ("1x1, 256 to 64", 56, 256, (1, 1, 256, 64), 1),
    ("depthwise 3x3", 56, 128, (3, 3, 1, 128), 128),
):
    image, weights = rng.random((1, size, size, channels), np.float32), rng.random(w_shape, np.float32)
    options = {"padding": "same", "groups": groups}
    prepared = parallel.PreparedConv2D(weights, input_shape=image.shape[1:], **options)
    work = conv2d_work(image.shape, w_shape, **options)
    placements[name] = place(*work, load.best_seconds(prepared.run, image), machine)
caption = f"The roof of the machine that built this page: ridge at {machine.ridge:.0f} operations a byte."
figures.show(figures.draw_roofline, machine, placements, caption=caption, size=(6.4, 4.2))

# %% [markdown]
# A 3×3 layer may stand *above* the roof: Winograd's method needs fewer multiplications than the formula that we count with. (On a busy
# machine any layer may stand a little above it, if the roof was measured in a worse moment.) The bytes are a lower bound too: a kernel
# that reads its input nine times moves more. What lies below the
# roof is yours to explain: overhead of the call, waiting, a bad order.
#
# > [!SAY] Compute-bound or memory-bound?
# > I count the operations and the bytes that must move, divide, and compare with the machine's ridge, peak over bandwidth. Left of it I save traffic: fuse layers, batch, use smaller numbers. Right of it I save
# > arithmetic or use it better: vectors, Winograd, all cores. And I measure, because the bytes are only a lower bound.

# %%
drill("conv-intensity")

# %%
drill("under-the-roof")

# %%
drill("peak-flops")

# %% [markdown]
# ## Threads, chunks and Amdahl's law
#
# **Question.** You have eight cores. How many times faster?
#
# **Fault 13, idle cores.** The source rounds the chunk *up*: $\lceil \text{rows} / \text{cores} \rceil$ rows for each core, while rows last. **Predict.** 9 rows on 8 cores: how many cores work?

# %%
shares = {"rounded up": source.source_chunks(9, 8), "balanced": source.balanced_chunks(9, 8)}
caption = "Nine rows on eight cores. Rounded up, five cores work; balanced, all do. The last one is ready after two rows either way."
figures.show(figures.draw_chunks, shares, 8, caption=caption, size=(8.4, 3.0))
for name, chunks in shares.items():
    print(f"{name:>10}: {len(chunks)} of 8 cores work, the busiest has {source.slowest_share(chunks)} rows")

# %% [markdown]
# Look twice: the balanced version gives every core something to do and is **not faster**. Everybody waits for the busiest core, and that
# one has two rows in both. The cure is **finer work**: cut rows into halves, or share out
# row × filter block; or let idle threads fetch the next small piece (dynamic scheduling). With half rows, 18 pieces on 8 cores: the
# busiest has 3 halves, 1.5 rows. The *efficiency* is the share of all cores' time that is spent working:

# %%
for rows_, cores in ((7, 8), (9, 8), (14, 8), (54, 8), (54, 64)):
    wholes = source.slowest_share(source.balanced_chunks(rows_, cores))
    quarters = source.slowest_share(source.balanced_chunks(4 * rows_, cores)) / 4
    by_rows, by_quarters = rows_ / cores / wholes, rows_ / cores / quarters
    print(
        f"{rows_:>2} rows, {cores:>2} cores: efficiency {by_rows:4.0%} by rows, {by_quarters:4.0%} by quarters"
    )

# %% [markdown]
# **Fault 14, the serial batch of one.** The dense layer shares out the *batch*. One image, one row: one core, however many there are. Share out the output neurons instead; there are thousands.

# %%
for name, items in (("a batch of 1", 1), ("its 1000 neurons", 1000)):
    print(f"sharing out {name}: {len(source.source_chunks(items, 8))} of 8 cores work")

# %% [markdown]
# **Amdahl's law.** If a share $f$ of the time is serial, $n$ cores make it at most
#
# $$S(n) = \frac{1}{f + (1 - f)/n}, \qquad S(\infty) = \frac1f$$
#
# times faster.

# %%
caption = "Amdahl's law: with 5 % serial time 64 cores give 15 times, and no number gives more than 20."
figures.show(figures.draw_amdahl, (0.01, 0.05, 0.2), caption=caption, size=(5.2, 3.6))
print("64 cores, 5 % serial:", round(1 / (0.05 + 0.95 / 64), 1))

# %% [markdown]
# Backwards, from a measured speed-up to the serial share, it is the **Karp-Flatt metric**: $f = (1/S - 1/n) / (1 - 1/n)$. Measured on your machine, for a 5×5 convolution (its calls, packing and waking of threads are the serial part). On a machine that is busy with other work the speed-up can fall below 1: all wait for a thread that has no core. So measure when nothing else runs:

# %% tags=["nbval-ignore-output"]
image, filters = rng.random((1, 56, 56, 64), np.float32), rng.random((5, 5, 64, 64), np.float32)
times = {}
for threads in sorted({1, InferenceEngine().threads}):
    with InferenceEngine(threads=threads) as engine:
        times[threads] = load.best_seconds(engine.forward_convolution_2d, image, filters, bias, 1, repeat=20)
n = max(times)
s = times[1] / times[n]
serial = (1 / s - 1 / n) / (1 - 1 / n) if n > 1 else 1
print(f"{n} threads: {s:.2f} times faster; serial share {serial:.0%}")

# %% [markdown]
# **Python's own threads.** One lock, the **GIL**, lets a single thread run Python code at a time, so pure Python loops gain nothing from threads. Compiled code may let go of it (`nogil` in Numba; NumPy, PyTorch and BLAS do) and then threads run side
# by side. **Processes** have a GIL each, but must copy what they exchange. The same count, twice, one after the other and in two threads:


# %%
def in_python(labels):
    counts = [0] * 4
    for label in labels:
        counts[label] += 1
    return counts


def compiled(labels):
    return races.count_alone(labels, 4, rounds=200)


def all_answers(mapper, work, item):
    return list(mapper(work, [item, item]))


labels = rng.integers(0, 4, 200_000)

# %% tags=["nbval-ignore-output"]
for work, item in ((in_python, labels.tolist()), (compiled, labels)):
    alone = load.best_seconds(all_answers, map, work, item, repeat=3)
    with ThreadPoolExecutor(2) as pool:
        together = load.best_seconds(all_answers, pool.map, work, item, repeat=3)
    print(f"{work.__name__:<10} two threads are {alone / together:.2f} times faster")

# %% [markdown]
# > [!MISTAKE] Oversubscription
# > More busy threads than cores do not help; they take the cores from each other, and the caches with them. It happens unseen: eight server threads, each calling a library that starts eight threads of its own, or a BLAS
# > library and Numba, whose idle workers *spin* for some milliseconds in case work comes. Give each core one owner: limit the libraries' threads (`OMP_NUM_THREADS`, `torch.set_num_threads`), or let only one parallel region run at a time, as this engine does.
#
# Measured: the same 80 matrix products one after the other, and from eight threads at once. One product takes all cores already:

# %% tags=["nbval-ignore-output"]
square = rng.random((384, 384), np.float32)


def products(_):
    return [square @ square for _ in range(10)]


in_turn = load.best_seconds(lambda: [products(0) for _ in range(8)], repeat=3)
with ThreadPoolExecutor(8) as pool:
    at_once = load.best_seconds(lambda: list(pool.map(products, range(8))), repeat=3)
print(f"eight threads on a library that uses all cores: {in_turn / at_once:.2f} times the speed")

# %% [markdown]
# Chunks, idle cores and the single request:

# %%
drill("busy-cores")

# %%
drill("bug-idle-cores")

# %%
drill("batch-one-dense")

# %% [markdown]
# Amdahl, forwards and backwards:

# %%
drill("amdahl-speed-up")

# %%
drill("karp-flatt")

# %% [markdown]
# ## A race, and how to mend it
#
# **Question.** Two threads each add 1 to a counter that holds 0. What does it hold afterwards?
#
# **Intuition.** `counter += 1` is three steps: read, add, write. The threads' steps can mix in any order. **Predict.** Of all possible orders, how many give 2?


# %%
def run(order):
    """Each letter is the next step of that thread: read, add, write."""
    memory, register, step = 0, {}, {"A": 0, "B": 0}
    for thread in order:
        if step[thread] == 0:
            register[thread] = memory
        elif step[thread] == 1:
            register[thread] += 1
        else:
            memory = register[thread]
        step[thread] += 1
    return memory


orders = sorted({"".join(order) for order in permutations("AAABBB")})
print(len(orders), "orders;", [order for order in orders if run(order) == 2], "give 2, all others 1")

# %% [markdown]
# Only the two orders in which the threads do not overlap. That is a **race**: a result that depends on who comes first, because two
# threads use the same memory, at least one of them writes, and nothing keeps them apart.
#
# Numba's `prange` shares the iterations of a loop out over threads. It makes a plain sum `total += x[i]` safe by itself (a *reduction*: partial sums, one for each thread), but not an update of an array's cell:

# %%
print(inspect.getsource(races._count_together.dispatcher.py_func))

# %% [markdown]
# How many counts get lost depends on the machine and the moment: two threads must meet in the same nanosecond. Some runs lose none, which is what makes races hard to find:

# %% tags=["nbval-ignore-output"]
expected = 3000 * labels.size
for attempt in range(4):
    lost = expected - races.count_with_race(labels, 4, rounds=3000).sum()
    print(f"run {attempt}: {lost:,} of {expected:,} counts lost")

# %% [markdown]
# **The repair**: every worker counts in cells of its own, and one adds them up at the end. No lock, no race, and the result is exact with any number of workers:

# %%
truth = np.bincount(labels)
for workers in (1, 2, 5):
    counts = races.count_by_worker(labels, 4, workers=workers)
    print(workers, "workers:", counts, "exact:", np.array_equal(counts, truth))

# %% [markdown]
# The other repairs: an **atomic** add (the hardware does the three steps as one; slow if many want the same cell), a **lock** (only one at a time), or another owner: give each thread the *outputs* that it alone writes. The last is how all
# kernels here work: every `prange` runs over output rows or tiles, so that nothing is shared but what is only read. A scatter, as in dx of chapter 05, becomes a gather.
#
# One subtlety stays even without a race: floating-point sums depend on their order. Partial sums give other last digits with another
# number of threads, and many of them where the sum nearly cancels, as here:

# %%
values = rng.normal(size=100_001).astype(np.float32)
for parts in (1, 2, 4):
    sums = [np.cumsum(part)[-1] for part in np.array_split(values, parts)]
    print(f"{parts} partial sums: {np.float32(sum(sums)):.4f}")

# %% [markdown]
# The kernels of this course sum each output in one thread in a fixed order, so their bits do not depend on the number of threads.

# %%
drill("lost-update")

# %%
drill("which-loop-races")

# %%
drill("bug-merged-counts")

# %% [markdown]
# ## Inference under concurrent load
#
# **Question.** A server has eight threads and one model. How do they share it?
#
# Three designs:
#
# | design | latency of one request | throughput | danger |
# |---|---|---|---|
# | each request serial, on its own thread (kernels without the GIL) | one core's time, always | good with many requests | eight requests, eight sets of buffers and caches |
# | all cores for one request, one after another (a lock) | shortest when idle | as good, if the kernels scale | a waiting line |
# | collect requests into batches | waits for the batch | best: weights are read once for all | latency, a time-out to tune |
#
# Numba adds a reason of its own: with `workqueue`, the threading layer that every installation has, the *process is aborted* when a
# second Python thread enters a parallel region. So `InferenceEngine` takes the second design: one lock for the
# process, held for one inference, all cores inside. Buffers are planned once for a network and reused, which the lock makes safe. Eight threads, against a lone call:

# %%
digits, labels_of = data.digits()
net = zoo.trained_digits()
held_out = data.digit_forms() > 10
pictures, truth_of = digits[held_out][..., None], labels_of[held_out]
alone = ours.run(net, pictures)
with ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda _: ours.run(net, pictures), range(40)))
equal = all(np.array_equal(answer, alone) for answer in answers)
print("40 calls from 8 threads, equal in every bit:", equal)

# %% [markdown]
# What waiting looks like: one client alone, then four at once. The work of one call is the same; with four, each waits for the others.

# %% tags=["nbval-ignore-output"]
batch = np.repeat(pictures, 8, axis=0)
runs = {}
for clients in (1, 4):
    runs[f"clients: {clients}"] = load.serve(lambda: ours.run(net, batch), clients=clients, requests=6)
caption = "Each bar is a request, from question to answer. Four clients wait in line for the same cores."
drawn = {name: [(r.client, r.start, r.end) for r in requests] for name, requests in runs.items()}
figures.show(figures.draw_waiting, drawn, caption=caption, size=(8.4, 2.4))
for name, requests in runs.items():
    latency = np.median([request.latency for request in requests]) * 1e3
    print(f"{name}, latency {latency:.1f} ms, {load.throughput(requests):.0f} answers a second")

# %% [markdown]
# **Little's law** connects them: requests in flight = arrivals per second × latency in seconds, all three averages (the latency above is
# a median, and fits only roughly). Throughput is bought with batches:

# %% tags=["nbval-ignore-output"]
for size in (1, 8, 64):
    seconds = load.best_seconds(ours.run, net, batch[:size], repeat=20)
    print(f"batch {size:>2}: {seconds * 1e3:6.2f} ms, {size / seconds:8,.0f} pictures a second")

# %% [markdown]
# Two more traps of serving. **State**: a layer that keeps its last input for the backward pass is not safe to share, so the engine never
# calls such a layer of the network itself. **Stale weights**: packed copies must follow the original. The engine looks, at each run:

# %%
net.layers[0].params["w"][0, 0, 0, 0] += 1
print("a changed weight is noticed:", np.allclose(ours.run(net, pictures), net.predict(pictures), atol=1e-6))
net.layers[0].params["w"][0, 0, 0, 0] -= 1

# %%
drill("requests-in-flight")

# %%
drill("say-concurrent-engine")

# %% [markdown]
# ## Memory: layouts and caches
#
# **Question.** Fault 12: the source's innermost loop runs over the channels. Move the loop over the filters inside, and it becomes
# several times faster. Why?
#
# **Intuition.** Memory comes in **cache lines**, usually 64 bytes: 8 doubles or 16 floats. Whoever reads one number gets its neighbours for free, if they are used before the line is gone. In NHWC with weights $w[m, n, c, k]$ the last index is contiguous:

# %%
nhwc, nchw = np.zeros((1, 56, 56, 64), np.float32), np.zeros((1, 64, 56, 56), np.float32)
weights = np.zeros((3, 3, 64, 64))
print("NHWC, bytes from one channel to the next:", nhwc.strides[3], "| to the next column:", nhwc.strides[2])
print("NCHW, bytes from one channel to the next:", nchw.strides[1], "| to the next column:", nchw.strides[3])
print("weights, to the next input channel:", weights.strides[2], "| to the next filter:", weights.strides[3])

# %% [markdown]
# Channels innermost (the source): every step of the loop jumps 512 bytes through the weights, and uses 8 bytes of each 64-byte line. Filters innermost: one step, one number further. A model of a cache counts the lines that must be fetched for one output position, all 64 filters. **Predict** the ratio.

# %%
tap, channel, filter_ = weights.strides[1:]
c_inside = [m * tap + c * channel + k * filter_ for k in range(64) for m in range(9) for c in range(64)]
k_inside = [m * tap + c * channel + k * filter_ for m in range(9) for c in range(64) for k in range(64)]
for name, addresses in {"channels innermost": c_inside, "filters innermost": k_inside}.items():
    print(f"{name:<19} {cache.lines_fetched(addresses):>6,} lines fetched for {len(addresses):,} weights")

# %% [markdown]
# Eight times fewer lines, and the neighbours make a vector instruction possible besides: eight or sixteen filters per instruction, with no sum waiting for the one before. That is why **NHWC or NCHW** matters less than whether the kernel's innermost loop runs along the contiguous axis.
#
# > [!FRAMEWORKS] Layouts
# > PyTorch defaults to NCHW (`memory_format=torch.channels_last` stores it as NHWC), TensorFlow and Keras to NHWC, ONNX to NCHW; GPU
# > tensor cores prefer NHWC. CPU libraries (oneDNN) often use *blocked* layouts such as NCHW16c: blocks of 16 channels innermost, exactly
# > one vector of 512 bits in float32. Converting costs a pass through memory, so convert once, at the border.
#
# **False sharing.** Two threads that write *different* numbers in the *same* line send the line to and fro between their cores. The race's repair above, with the workers' cells side by side and apart:

# %% tags=["nbval-ignore-output"]
for name, apart in (("in one line", False), ("in lines of their own", True)):
    count = partial(races.count_by_worker, labels, 4, workers=2, rounds=400, apart=apart)
    print(f"cells {name:<22} {load.best_seconds(count, repeat=5) * 1e3:6.1f} ms")

# %% [markdown]
# **Fusing.** Bias, ReLU and pooling do almost no arithmetic, but each as a layer of its own reads and writes the whole map. Done while
# the convolution stores its result, they cost almost nothing. For a map of 112×112×64 in float32:

# %%
megabytes = 112 * 112 * 64 * 4 / 1e6
print(
    f"the map has {megabytes:.1f} MB; bias, ReLU and 2x2 pooling move {(2 + 2 + 1.25) * megabytes:.1f} MB more"
)
print(f"fused, the convolution stores {megabytes / 4:.1f} MB, and nothing else moves")

# %% [markdown]
# **Memory while training.** At inference two buffers in turns are enough for a plain network. Training keeps every layer's output for the backward pass. Out of memory on a GPU? Smaller batches; smaller pictures; earlier stride or pooling; fewer or narrower layers; 16-bit numbers (mixed precision);
# checkpointing (chapter 05); several devices. **Gradient accumulation** keeps the large batch without its memory: add up the gradients of
# several micro-batches of equal size, each divided by their number, then take one step. As the loss is a mean, this is equal to rounding:

# %%
net.loss_and_gradients(pictures[:64], truth_of[:64], training=False)
whole = {name: grad.copy() for name, grad in net.grads.items()}
parts = []
for start in range(0, 64, 16):
    part = slice(start, start + 16)
    net.loss_and_gradients(pictures[part], truth_of[part], training=False)
    parts.append({name: grad / 4 for name, grad in net.grads.items()})
close = all(np.allclose(sum(part[name] for part in parts), whole[name], atol=1e-6) for name in whole)
print("four micro-batches of 16 give the gradient of 64:", close)

# %% [markdown]
# Not with **batch norm**: its statistics are those of each micro-batch.

# %%
drill("cache-lines-touched")

# %%
drill("fused-bytes")

# %%
drill("false-sharing")

# %% [markdown]
# ## Graphics processors
#
# **Question.** Why do convolutions fly on a GPU?
#
# A GPU has thousands of small arithmetic units. Threads run in groups of 32 (a **warp**) that execute the same instruction; tens of thousands of them are in flight, so that while some wait for memory others compute. It is a machine for **throughput**: one small request leaves it nearly empty, and the CPU may answer first. What it wants:
#
# - **Much independent work.** Every output is independent: a convolution has millions. A batch multiplies that; batch 1 of a small network does not fill the machine.
# - **Matrix products.** Convolution maps to one (im2col), and **tensor cores** multiply small matrices, for example 16×16, in a few
#   cycles, in 16- or 8-bit numbers with 32-bit sums. Fast libraries need not store the im2col matrix: an **implicit GEMM** gathers its
#   tiles into fast on-chip *shared memory* on the fly. Sizes that are multiples of 8 or 16 fill the tiles.
# - **Coalesced memory.** The 32 reads of a warp are joined into as few 128-byte transactions as they touch:

# %%
threads = np.arange(32)
ways = {
    "NHWC, a thread per channel": threads * 4,
    "NHWC, a thread per column": threads * 64 * 4,
    "NCHW, a thread per column": threads * 4,
}
for name, addresses in ways.items():
    print(f"{name:<27} {len(set((addresses // 128).tolist())):>2} transactions for 32 numbers")

# %% [markdown]
# **A kernel by hand** (a classic interview puzzle): 'valid' 1-D convolution, one thread for each output. On the GPU `launch` would run all threads at once; each must check that its output exists, because threads come in whole blocks.


# %%
def conv1d_thread(i, x, kernel, y):
    if i < len(x) - len(kernel) + 1:
        y[i] = sum(x[i + j] * kernel[j] for j in range(len(kernel)))


def launch(thread, blocks, block_size, *arguments):
    for i in range(blocks * block_size):
        thread(i, *arguments)


y = np.zeros(3)
launch(conv1d_thread, 2, 4, [1, 2, 3, 4, 5], [1, 0, -1], y)
print(y)

# %% [markdown]
# The fast version lets a block of $T$ threads load $T + k - 1$ inputs (its tile and a *halo* of $k - 1$) into shared memory once, synchronises, and computes from there: about one read per output in place of $k$. The kernel itself fits into constant memory.
#
# > [!SAY] Convolution on a GPU
# > All outputs are independent, so it has the parallelism; as an implicit matrix product it reuses every number many times out of shared memory and registers, so it has the intensity; tensor cores do the small products in low precision with wide sums.
# > It needs coalesced layout, channel counts that are multiples of 8, and enough batch to hide latency. For one small picture, launch overhead and transfer dominate, and a CPU can win.

# %%
drill("coalesced-reads")

# %%
drill("say-convolution-on-a-gpu")

# %% [markdown]
# ## Folding batch normalisation
#
# **Question.** At inference batch norm has fixed statistics. Why compute it at all?
#
# **Formula.** $y = \gamma\,\dfrac{z - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$ with $z = x * w + b$. Batch norm is then linear in $z$
# but for a constant, and $z$ in $x$, so with $s = \gamma / \sqrt{\sigma^2 + \varepsilon}$, one number per filter,
#
# $$w' = w \cdot s, \qquad b' = (b - \mu)\,s + \beta, \qquad y = x * w' + b'.$$
#
# The layer disappears, and with it a pass through memory.

# %%
f, mean = rng.normal(size=(3, 3, 3, 8)), rng.normal(size=8)
gamma, beta, variance = rng.normal(size=8), rng.normal(size=8), rng.uniform(0.5, 2, size=8)
separate = gamma * (parallel.conv2d(x, f) - mean) / np.sqrt(variance + 1e-5) + beta
scale = gamma / np.sqrt(variance + 1e-5)
print("the same:", np.allclose(separate, parallel.conv2d(x, f * scale, -mean * scale + beta)))

# %%
resnet = zoo.resnet18(num_classes=10, input_shape=(32, 32, 3))
photo = data.photo("camera", size=32, dtype=np.float32)
folded = deploy.fold_batch_norm(resnet)
print(sum(1 for _ in resnet.walk()), "layers become", sum(1 for _ in folded.walk()))
print("same answer to rounding:", np.allclose(resnet.predict(photo), folded.predict(photo), atol=1e-5))

# %% [markdown]
# It works where batch norm directly *follows* a linear layer. Behind an activation it cannot be folded backwards; forwards, into the next
# convolution, only if that has no padding, whose zeros would have to be shifted too. And it is for inference only: in training the
# statistics are the batch's. `engine.run` folds by itself.

# %%
drill("fold-one-weight")

# %%
drill("fold-batch-norm-code")

# %% [markdown]
# ## Eight-bit integers
#
# **Question.** A weight takes 32 bits. How many does it need?
#
# **Formula.** Codes of eight bits stand for values: $v = s\,(q - z)$ with a **scale** $s$ and a **zero point** $z$. *Symmetric* ($z = 0$, $s = \max|v| / 127$) for weights; *affine*, any range that holds 0, for activations, which are lopsided behind a ReLU. Then
#
# $$\sum x w = s_x s_w \Big(\sum q_x q_w - z_x \sum q_w\Big)$$
#
# In words: int8 times int8 summed in **int32**, one correction known beforehand, one multiplication at the end. 0 has an exact code, so
# that padding stays exact.

# %%
values = np.array([-0.4, 0.0, 0.1, 1.3, 3.1])
for scheme in ("symmetric", "affine"):
    chosen = deploy.choose_quantization(values, scheme=scheme)
    codes = chosen.quantize(values)
    print(f"{scheme}: scale {chosen.scale:.4f}, zero point {chosen.zero_point}")
    print("    codes", codes, "back", chosen.dequantize(codes).round(3))

# %% [markdown]
# **A whole network**, after training (*post-training static quantisation*): fold batch norm, see on a few dozen *calibration* pictures
# which ranges occur, replace the layers. Weights get one scale for the whole layer, or one **per channel**, that is for each filter, as
# filters differ in magnitude. The trained digit network, on pictures that it never saw:

# %%
net = zoo.trained_digits()
calibration, probabilities = digits[~held_out][:64, ..., None], net.predict(pictures)
print(f"float32: {(probabilities.argmax(1) == truth_of).mean():.3f} right, {deploy.count_bytes(net):,} bytes")
for per_channel in (False, True):
    small = deploy.quantize_network(net, calibration, per_channel=per_channel)
    answers = small.predict(pictures)
    right, noise = (answers.argmax(1) == truth_of).mean(), deploy.signal_to_noise(probabilities, answers)
    print(
        f"int8, per {'channel' if per_channel else 'tensor'}: {right:.3f} right, "
        f"{deploy.count_bytes(small):,} bytes, {noise:.0f} dB above the error"
    )

# %% [markdown]
# A quarter of the bytes, and the accuracy is that of float32 within a picture or two. Per-channel scales are clearly nearer (20 dB more
# are an error ten times smaller). Where it fails: activations with outliers (clip them by a percentile), depthwise layers with one scale
# for all, first and last layers. Then **quantisation-aware training** simulates the rounding in the forward pass and passes gradients
# straight through.
#
# **And the speed?** Honestly: it depends on the instructions. Processors with dot products of bytes (VNNI, AMX, ARM's SDOT, tensor cores) do four int8 multiply-adds in place of one float32. Portable code without them widens every byte to 32 bits first:

# %% tags=["nbval-ignore-output"]
layer = network.Sequential([layers.Conv2D(64, 3, padding="same")], (56, 56, 64))
example = rng.random((1, 56, 56, 64), np.float32)
for name, model in (("float32", layer), ("int8", deploy.quantize_network(layer, example))):
    seconds = load.best_seconds(model.predict, example)
    print(f"3x3, 64 to 64 channels, 56x56, {name:<8} {seconds * 1e3:6.2f} ms")

# %% [markdown]
# Ours is the *slower* one by far: copying patches, quantising and rescaling cost more than the smaller numbers save, and the float32 kernel is three rungs further up the ladder. What int8 always buys is memory and bandwidth; speed only with the right instructions and a library that uses them.
#
# > [!INTERVIEW] ONNX, and how a model gets into production
# > **ONNX** is a framework-neutral file of the computation graph with its weights. You export once (`torch.onnx.export`) and run it in ONNX Runtime on many platforms, or build a **TensorRT** engine from it for NVIDIA cards, which fuses layers, tunes kernels on the actual device and lowers precision to FP16 or INT8.
# > Check before you trust it: is every operator supported in that *opset* (version of the operator set), are dynamic batch and picture
# > sizes declared, does the exported model agree with the original on real inputs (parity), in evaluation mode with batch norm and
# > dropout frozen?

# %%
drill("int8-code")

# %%
drill("zero-point")

# %%
drill("int8-sum-bound")

# %% [markdown]
# Write the per-channel version, then say how a model is shipped:

# %%
drill("quantise-code")

# %%
drill("say-onnx")

# %% [markdown]
# ## Pruning
#
# **Question.** How many of the 40,690 parameters are needed?
#
# **Unstructured** pruning zeroes single weights, usually those of smallest magnitude. **Structured** pruning removes whole filters, for example those with the smallest sum of magnitudes. Other criteria: gradient times weight, second derivatives (Optimal Brain Damage), how often a channel is active, the size of its batch-norm $\gamma$.
#
# **Predict.** At which share of zeros does the accuracy break down, without any retraining?

# %%
sparsities = (0.0, 0.5, 0.6, 0.8, 0.9, 0.95)
kept = {"global": [], "layer": []}
for scope, accuracies in kept.items():
    for sparsity in sparsities:
        pruned = deploy.prune_magnitude(net, sparsity, scope=scope)
        accuracies.append(pruned.evaluate(pictures, truth_of)[1])

# %%
caption = "Half of all weights can go if all compete for their places; the same share in every layer breaks down earlier."
labels_ = {"xlabel": "share of weights set to 0", "ylabel": "accuracy"}
figures.show(figures.draw_trade, sparsities, kept, **labels_, caption=caption, size=(5.4, 3.0))
for scope, accuracies in kept.items():
    print(f"{scope:>6}: at 50 % zeros {accuracies[1]:.2f}, at 90 % {accuracies[4]:.2f}")

# %% [markdown]
# Then **fine-tune**: train on, and put the zeros back after every epoch. Structured pruning hurts more, and then pays directly: the arrays shrink, and any kernel gets faster.

# %%
sparse, slim = deploy.prune_magnitude(net, 0.9), deploy.prune_channels(net, 0.5)
masks = deploy.magnitude_masks(sparse, 0.9)
before = [model.evaluate(pictures, truth_of)[1] for model in (sparse, slim)]
for epoch in range(2):
    for model in (sparse, slim):
        model.fit(digits[~held_out][..., None], labels_of[~held_out], seed=epoch, progress=False)
    deploy.apply_masks(sparse, masks)
after = [model.evaluate(pictures, truth_of)[1] for model in (sparse, slim)]

# %%
for name, model, first, then in zip(("90 % zeros", "half the filters"), (sparse, slim), before, after):
    print(
        f"{name}: {model.count_params():,} parameters, {model.count_macs():,} multiply-adds; tuning helped: {then > first}"
    )
print(f"the original: {net.count_params():,} parameters, {net.count_macs():,} multiply-adds")
print(f"zeros kept: {deploy.count_zeros(sparse):.2f}; half the filters, tuned, above 95 %: {after[1] > 0.95}")

# %% [markdown]
# Note what the first line says: 90 % zeros, and *the same* number of multiply-adds. A dense kernel multiplies by zero as fast as by anything else; scattered zeros need a sparse kernel and usually more than 90 % of them to win. Half the filters in both layers: less than a third of the work, on any machine.
#
# **Distillation** is the third way to a small model: train it on the large model's *soft* outputs (softmax at a temperature $T > 1$, loss times $T^2$) beside the labels. The wrong classes' probabilities tell which mistakes are near misses. The order in practice: choose a smaller architecture first, distil, prune filters, fine-tune, fold, quantise, export, measure on the target.
#
# > [!INTERVIEW] Why prune, and how?
# > For size, speed and energy, sometimes for generalisation. Rank by magnitude, or better by the effect on the loss; remove a little, fine-tune, repeat. Unstructured reaches higher sparsity but needs sparse kernels; structured is what speeds up ordinary hardware.

# %%
drill("pruned-channels")

# %%
drill("faster-pruning")

# %% [markdown]
# ## Recap
#
# 1. Same sums, another order: contiguous innermost loops, vectors, registers, caches, then cores, and last an algorithm with fewer multiplications.
# 2. Intensity against the ridge tells whether arithmetic or memory limits; batching and fusing raise intensity.
# 3. Everybody waits for the busiest core; Amdahl bounds the rest. Share out fine pieces, outputs with one owner each: no race, no lock.
# 4. One model, many threads: who owns the cores, the buffers and the weights? Decide, and test with real threads.
# 5. Deployment: fold (exact), quantise (a quarter of the bytes; speed only with the instructions), prune filters (faster), fine-tune, and measure on the target.
#
# | formula | what |
# |---|---|
# | $2\,H_\text{out} W_\text{out} C_\text{out} K_H K_W C_\text{in} / g$ | FLOPs of a convolution, twice its MACs |
# | $\min(P, B \cdot \text{FLOP/byte})$ | the roof; ridge at $P/B$ |
# | $1 / (f + (1 - f)/n)$ | Amdahl's speed-up |
# | $(1/S - 1/n) / (1 - 1/n)$ | serial share from a measured speed-up |
# | $\text{in flight} = \text{rate} \cdot \text{latency}$ | Little's law |
# | $(m + r - 1)^2$ for $m^2 r^2$ | Winograd's multiplications, $F(m \times m, r \times r)$ |
# | $w' = ws,\; b' = (b - \mu)s + \beta,\; s = \gamma/\sqrt{\sigma^2 + \varepsilon}$ | folded batch norm |
# | $v = s(q - z)$ | eight-bit codes |

# %% [markdown]
# ## More drills
#
# The cards above belong to their sections; these mix them.

# %%
drill("amdahl-formula")

# %%
drill("winograd-saving")

# %%
drill("strip-reads")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("say-why-loops-are-slow")

# %% [markdown]
# ## Sources
#
# - The course's text, *Deep Dive Section 6*: the Java engine. Its fourteen faults are shown above.
# - Williams, Waterman, Patterson, *Roofline* (2009): intensity, ridge, ceilings. McCalpin, *STREAM* (1995): the bandwidth test.
# - Amdahl, *Validity of the single processor approach* (1967); Karp, Flatt, *Measuring parallel processor performance* (1990); Little, *A proof for the queuing formula L = λW* (1961).
# - Goto, van de Geijn, *Anatomy of high-performance matrix multiplication* (2008): packing, registers, caches.
# - Lavin, Gray, *Fast algorithms for convolutional neural networks* (2016): Winograd's $F(2 \times 2, 3 \times 3)$ and $F(4 \times 4, 3 \times 3)$.
# - Chetlur and others, *cuDNN* (2014): implicit matrix products on GPUs.
# - Ioffe, Szegedy, *Batch Normalization* (2015); Jacob and others, *Quantization and training for integer-arithmetic-only inference* (2018), sections 2 and 3.
# - Han, Pool, Tran, Dally, *Learning both weights and connections* (2015); Li and others, *Pruning filters* (2017); LeCun, Denker, Solla, *Optimal Brain Damage* (1990); Hinton, Vinyals, Dean, *Distilling the knowledge in a neural network* (2015).
# - Numba's manual, *The threading layers*: which may be entered from several threads.
