# %% [markdown]
# # Chapter 09. Training: from a loss that falls to a network that works
#
# **After this chapter you can answer**
#
# 1. Your network does not learn: the loss is flat from the start. What do you do, in which order?
# 2. Your network overfits. What can you do, and what is each cure worth?
# 3. Adam or SGD with momentum? Which learning rate, which schedule, and what is the W in AdamW?
# 4. What does batch normalisation compute in training and in evaluation? What does dropout? What breaks when the mode is wrong?
# 5. Where do the mean and the standard deviation for normalising images come from, and what is leakage?
# 6. Which augmentations suit which data? Which ones destroy the label?
#
# **Time** 90 minutes to read and play (two sittings are fine), 60 more for the drills.
#
# **Builds on** chapter 05 (gradients), chapter 06 (activations, softmax, initialisation).

# %%
import numpy as np

from cnnkit import augment, data, digit_training, figures, layers, losses, optim, zoo
from cnnkit.drills import drill
from cnnkit.network import Sequential
from cnnkit.normalization import batch_norm, group_norm
from cnnkit.train import Trainer, find_learning_rate
from cnnkit.training_experiments import broken, common, labels, leakage, normalising
from cnnkit.training_experiments import overfitting, races, robustness
from cnnkit.widgets import TrainingPlayground

# %% [markdown]
# All experiments here are small on purpose: 8×8 digits, networks of a few thousand numbers, seconds on two cores. They are real trainings,
# seeded, in float64. The comparisons of
# optimisers and of cures have five seeds and an interval, those of leaks ten seeds; the others show one to three seeds, a direction only.
#
# ## The loop, line by line
#
# **Question.** What exactly happens between "here are the data" and "here is the network"?
#
# **Intuition.** Guess, measure how wrong the guess was, ask every weight in which direction it should have been different, move all of them a
# little. Repeat a few thousand times.
#
# **Formula.** With a mini-batch $B$ of examples, loss $J$ and learning rate $\eta$:
# $\;g = \frac{1}{|B|} \sum_{n \in B} \nabla_\theta\, J(f_\theta(x_n), y_n)$, then $\theta \leftarrow \theta - \eta\, g$.
#
# **Words.** One update is a **step**. A step uses a **mini-batch** of examples. One pass over all examples is an **epoch**. 1,000 examples in
# batches of 32 make 32 steps per epoch: 31 full batches and one of 8.

# %%
split = common.few_digits(400, seed=0)
x, y, x_val, y_val = split.x_train, split.y_train, split.x_test, split.y_test
print("training", x.shape, "validation", x_val.shape, "values", x.min(), "to", x.max())
network = common.small_cnn()
network.summary()

# %% [markdown]
# The literal loop. Each line is a question that interviewers ask: why shuffle, what is kept for the backward pass, why is the gradient new at
# every step, why is nothing learned from the validation examples?

# %%
rng, rate = np.random.default_rng(0), 0.2
for epoch in range(6):
    order = rng.permutation(len(x))  # another order in each epoch: no two batches alike
    for start in range(0, len(x), 40):
        batch = order[start : start + 40]
        logits = network.forward(x[batch], training=True)  # every layer keeps what backward needs
        loss, dlogits = losses.softmax_cross_entropy(logits, y[batch])  # (softmax - onehot) / 40
        network.backward(dlogits)  # fills the gradients anew: nothing is left of the last batch
        for name, weight in network.params.items():
            weight -= rate * network.grads[name]  # the step
    val_logits = network.predict(x_val)  # evaluation mode: no dropout, running averages, no gradients
    right = (val_logits.argmax(axis=1) == y_val).mean()
    if epoch % 2:
        print(f"epoch {epoch + 1}: last batch {loss:.1f}, validation accuracy {right:.0%}")

# %% [markdown]
# `Trainer` is this loop in a form that can be stepped, watched, interrupted and stopped early. The same seed gives the same weights:

# %%
by_trainer = common.small_cnn()
trainer = Trainer(by_trainer, x, y, optimizer=optim.SGD(0.2), batch_size=40, seed=0)
trainer.run(6)
same = all(np.allclose(by_trainer.params[name], w) for name, w in network.params.items())
print(f"{trainer.history.steps} steps, the same weights as the loop: {same}")

# %% [markdown]
# > [!FRAMEWORKS] The same loop in PyTorch and Keras
# > PyTorch *adds* gradients to `.grad`, so the loop needs `optimizer.zero_grad()` before `loss.backward()` and `optimizer.step()`; forgetting it sums the gradients of
# > all steps so far. `model.train()` and `model.eval()` switch dropout and batch normalisation; they do **not** switch gradients off, `torch.no_grad()` does, and that one
# > does not switch dropout off. Validation wants both: `eval()` for
# > the right numbers, `no_grad()` to save memory and time. Keras' `fit` does all of it, and shuffles unless told otherwise.
#
# **"Outline a CNN for CIFAR-10"** (32×32 colour pictures, ten classes) is a favourite. Blocks of convolution, batch normalisation and ReLU, a pooling after each:
# 32 → 16 → 8 → 4. Then global average pooling and one dense layer; cross-entropy on logits; images standardised per channel with training statistics, random flips and
# shifts; SGD with momentum and a cosine schedule, or AdamW.


# %%
def block(channels):
    conv = layers.Conv2D(channels, 3, padding="same", bias=False)
    return [conv, layers.BatchNorm(), layers.Activation("relu"), layers.MaxPool2D(2)]


body = [*block(32), *block(64), *block(128), layers.GlobalAvgPool2D(), layers.Dense(10)]
cifar = Sequential(body, input_shape=(32, 32, 3))
print(f"{cifar.count_params():,} parameters:", cifar.output_shapes[3::4], "then", cifar.output_shapes[-1])

# %% [markdown]
# **Batch size.** The mini-batch gradient is an estimate of the full gradient: right on average, with noise whose standard deviation falls like $1/\sqrt{|B|}$.
#
# **Predict.** From batches of 4 to batches of 64: by which factor does the noise shrink?

# %%
network.loss_and_gradients(x, y)
full = network.grads["dense_1/w"].copy()
for size in (4, 16, 64):
    errors = []
    for _ in range(100):
        network.loss_and_gradients(x[(batch := rng.integers(0, len(x), size))], y[batch])
        errors.append(np.linalg.norm(network.grads["dense_1/w"] - full))
    print(
        f"batches of {size:>2}: noise is {np.mean(errors) / np.linalg.norm(full):.1f} times the full gradient"
    )

# %% [markdown]
# About 4, for a batch 16 times as large. So four times the work buys half the noise, and at some size a larger batch only costs. Small batches give noisy steps (which also
# regularises a little), few examples per step for batch normalisation (below), and poor use of the hardware. Large batches give smoother steps, which allow a larger
# learning rate (the usual rule: rate proportional to batch size, with warm-up), fewer steps per epoch, and need memory for all activations.
#
# **Gradient accumulation** makes a large batch from small ones when memory is short: sum the gradients of several batches,
# each weighted by its share of the examples, then take *one* step. It is exact, except
# for layers that look at the batch (batch normalisation still sees the small ones).

# %%
at_once, in_parts = common.small_cnn(), common.small_cnn()
Trainer(at_once, x, y, optimizer=optim.SGD(0.2), batch_size=40, seed=0).run(2)
Trainer(in_parts, x, y, optimizer=optim.SGD(0.2), batch_size=10, accumulate=4, seed=0).run(2)
gap = max(np.abs(w - in_parts.params[name]).max() for name, w in at_once.params.items())
print("one batch of 40 or four of 10: largest difference below 1e-12:", gap < 1e-12)

# %% [markdown]
# **Mixed precision.** Activations and gradients in 16 bits take half the memory and run on faster units; weights and sums stay in 32. The trap: float16's
# smallest positive number is about $6 \cdot 10^{-8}$, and smaller gradients become 0. **Loss scaling** multiplies the loss by a large number before the backward pass and divides the gradients afterwards. bfloat16 keeps
# float32's range and needs no scaling; it pays with precision: 8 significant bits to float16's 11, two to three decimal digits.

# %%
gradient, factor = 2e-8, 65536
print("in float16:", np.float16(gradient), "| scaled:", np.float16(gradient * factor) / np.float32(factor))

# %% [markdown]
# **Drills.** Steps and epochs, then what accumulation changes, then a loop with a mistake:

# %%
drill("count-updates")

# %%
drill("accumulated-updates")

# %%
drill("bug-forgotten-zeroing")

# %% [markdown]
# A bug of the loop that no error message reports: images and labels are shuffled by two different permutations.

# %%
drill("bug-shuffled-apart")

# %% [markdown]
# ## Losses
#
# **Question.** Which loss for which task, and what should its first value be?
#
# | task | output | loss |
# |---|---|---|
# | one of $K$ classes | $K$ logits | softmax cross-entropy, $-\log p_y$ |
# | yes or no; several labels at once | one logit each | binary cross-entropy, sigmoid inside |
# | a number | one number | squared error; absolute or Huber (squared near 0, absolute beyond) where outliers occur |
# | detection with many easy negatives | logits | focal loss: cross-entropy times $(1 - p_y)^\gamma$ (chapter 11) |
#
# Chapter 06 derives the gradient $p - t$ and shows why squared error is wrong behind a softmax. Frameworks want **logits**; a softmax before such a loss is applied twice.
#
# **The first value is known before you train.** A fresh network knows nothing; if it spreads its probability evenly, the loss is $-\log \frac1K = \ln K$.

# %%
for classes in (2, 10, 1000):
    even = losses.softmax_cross_entropy(np.zeros((1, classes)), np.zeros(1, int))[0]
    print(f"{classes:>4} classes: ln K = {even:.2f}")
print(f"this chapter's network, untrained: {common.small_cnn().evaluate(x, y)[0]:.2f}")

# %% [markdown]
# Far above: the logits start too large (inputs not normalised, weights too wide). Far below,
# before any step: the network is not fresh (loaded weights, biases set to class frequencies) or the loss is averaged wrongly. (Unequal
# classes alone do not change it: an even answer costs $\ln K$ on every example.) Exactly $\ln K$ and never moving: see
# *The network does not learn* below.
#
# **Label smoothing** replaces the target 1 by $1 - \epsilon + \epsilon / K$ and every 0 by $\epsilon / K$. With a hard target the loss asks for infinite logits. With a smoothed one the optimum is finite: beyond it,
# more confidence costs. That keeps probabilities closer to true frequencies (better **calibration**) and forgives some wrong labels.
#
# **Predict.** Ten classes, $\epsilon = 0.1$: which lead of the right logit is optimal?

# %%
leads = np.linspace(0, 10, 1001)
for smoothing in (0, 0.1):
    rows = np.stack([leads, *[0 * leads] * 9], axis=1)
    costs = [losses.softmax_cross_entropy(r, np.array(0), label_smoothing=smoothing)[0] for r in rows]
    print(f"smoothing {smoothing}: the loss is least at a lead of {leads[np.argmin(costs)]:.2f}")

# %% [markdown]
# Without smoothing the best lead is the end of the scale. With it: $\ln(0.91 / 0.01) = 4.51$.
#
# **Unequal classes.** When 97 % of the examples are of one class, the answer "always that class" has 97 % accuracy. Here: find the eights among other digits, 3 % of all.

# %%
for weighted in (False, True):
    scores, truth = labels.rare_class(weighted=weighted)
    said = scores > 0.5
    recall = (said & truth).sum() / truth.sum()
    print(
        f"weights {weighted!s:>5}: accuracy {(said == truth).mean():.0%}, eights found {recall:.0%}", end=""
    )
    print(f", right among those it names {(said & truth).sum() / max(said.sum(), 1):.0%}")

# %% [markdown]
# The plain loss finds no eight at all and has the better accuracy. Weighting each class by one over its frequency (or drawing it more often, or moving the threshold) buys finds with false alarms.
# Which is right depends on what a miss costs, so choose the **metric** first:
#
# | metric | formula | when |
# |---|---|---|
# | accuracy | right / all | balanced classes |
# | precision, recall | TP / (TP + FP), TP / (TP + FN) | false alarms cost; misses cost |
# | F1 | harmonic mean of both | one number for a rare class |
# | ROC-AUC | chance that a positive scores above a negative | ranking; flatters when positives are rare |
# | PR-AUC (average precision) | area under precision over recall | rare positives |
# | top-5 accuracy | right class among the five best | several labels fit one image, or classes hardly differ (ImageNet) |
# | calibration error | confidence against frequency | the probability itself is used |
#
# T and F stand for true and false, P and N for what was said. A confusion matrix (rows: truth, columns: answer) shows *which* classes are mixed up; latency and size decide whether the network can be used. One ranking of the eights (the weighted network's), two verdicts:

# %%
order = np.argsort(-scores)
hits = truth[order]
precision = hits.cumsum() / np.arange(1, len(hits) + 1)
average_precision = precision[hits].mean()
ranks = np.argsort(np.argsort(scores)) + 1
positives = truth.sum()
auc = (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (~truth).sum())
print(f"ROC-AUC {auc:.2f} looks fine; average precision {average_precision:.1f} says how hard it still is")

# %% [markdown]
# **Drills.** A loss and a target to compute, and a number that flatters:

# %%
drill("initial-loss")

# %%
drill("label-smoothing")

# %%
drill("accuracy-of-the-majority")

# %% [markdown]
# ### Softmax twice
#
# Two cards on the mistake that costs the most time, because the network still learns a little:

# %%
drill("softmax-twice")

# %%
drill("bug-softmax-twice")

# %% [markdown]
# ## Optimisers
#
# **Question.** The gradient says where downhill is. How far should one go, and should every weight go equally far?
#
# **Intuition.** A loss is a valley: flat along its floor, steep across. Plain SGD must take steps small enough for the steep direction, and then creeps along the flat one.
#
# | | step | idea |
# |---|---|---|
# | SGD | $\theta \mathrel{-}= \eta g$ | downhill |
# | momentum | $v = \mu v - \eta g, \;\; \theta \mathrel{+}= v$ | a heavy ball: steady directions add up to $1/(1-\mu)$ times the step, zigzags cancel |
# | Nesterov | $v$ as above, $\theta \mathrel{+}= \mu v - \eta g$ | the gradient where momentum is about to carry us |
# | RMSProp | $s = \rho s + (1-\rho) g^2, \;\; \theta \mathrel{-}= \eta g / (\sqrt{s} + \epsilon)$ | every weight its own step: divide by its usual gradient |
# | Adam | $m, v$: running means of $g$ and $g^2$, corrected; $\theta \mathrel{-}= \eta\, \hat m / (\sqrt{\hat v} + \epsilon)$ | momentum and RMSProp together |
# | AdamW | Adam, and $\theta \mathrel{-}= \eta \lambda \theta$ | weight decay that Adam does not rescale |
#
# (PyTorch writes momentum as $v = \mu v + g$, $\theta \mathrel{-}= \eta v$, as do the drills below: at a constant rate the same steps.)
#
# The literal code is as short as the table. Momentum, ten steps on $f(a, b) = \frac12 (a^2 + 25 b^2)$, by hand and by `cnnkit`:

# %%
place, velocity = np.array([-9.0, 1.5]), np.zeros(2)
for _ in range(10):
    gradient = np.array([1.0, 25.0]) * place
    velocity = 0.8 * velocity - 0.03 * gradient
    place = place + velocity
path = races.valley_path(optim.SGD(0.03, momentum=0.8), 10)
print("by hand", place.round(3), "| cnnkit", path[-1].round(3))

# %% [markdown]
# **Predict.** For plain SGD, the steep direction multiplies $b$ by $1 - 25\eta$ at every step. Above which learning rate does it blow up? And how fast does $a$ come in at that rate?

# %%
for rate in (0.03, 0.07, 0.079, 0.081):
    end = races.valley_path(optim.SGD(rate), 40)[-1]
    print(f"rate {rate}: after 40 steps a = {end[0]:.2f}, b = {end[1]:.2f}")

# %% [markdown]
# Above $2/25 = 0.08$. At that rate $a$ shrinks by the factor $1 - 0.08 = 0.92$ per step: 40 steps leave 4 %. The largest curvature sets the rate, the least one sets the patience: their ratio, the **condition number**, is what makes training slow, and what normalisation repairs below.

# %%
contestants = {
    "SGD 0.07": optim.SGD(0.07),
    "momentum 0.8": optim.SGD(0.03, momentum=0.8),
    "RMSProp": optim.RMSProp(0.3),
    "Adam": optim.Adam(0.6),
}
paths = {name: races.valley_path(optimizer, 40) for name, optimizer in contestants.items()}
for name, path in paths.items():
    print(f"{name:>12}: distance to the minimum after 40 steps {np.linalg.norm(path[-1]):.2f}")

# %%
caption = (
    "40 steps down a valley curved 25 times more across than along. SGD zigzags across and creeps along; momentum swings in; "
    "RMSProp gives both directions the same step; Adam does so with momentum, overshoots and turns back."
)
figures.show(figures.draw_valley, races.valley_loss, paths, caption=caption, size=(10, 2.6))

# %% [markdown]
# **Adam's first step** has the size of the learning rate in every weight, whatever the gradient: with the corrections $\hat m = g$ and $\hat v = g^2$, so $\hat m / \sqrt{\hat v} = \pm 1$. Without them $m = 0.1 g$ and
# $\sqrt v = 0.032\,|g|$: more than three times too long.

# %%
for gradient in (1e-4, 1.0, 1e4):
    weight = {"w": np.zeros(1)}
    optim.Adam(0.001).step(weight, {"w": np.array([gradient])})
    print(f"gradient {gradient:>8}: first step {weight['w'][0]:.4f}")
print(f"uncorrected: {0.1 / np.sqrt(0.001):.2f} learning rates")

# %% [markdown]
# **On the same problem.** 400 digits, the same first weights and batches for all, five seeds. Each optimiser has a learning rate near its own best: at one common rate such a race says nothing.

# %%
race = races.optimizer_race()
print(race)

# %%
caption = "Training loss over ten epochs, mean and span of 5 seeds. With momentum the loss is lowest; plain SGD and RMSProp are slowest."
figures.show(figures.draw_race, race.losses, caption=caption, size=(9, 3.2))

# %% [markdown]
# The intervals of the test accuracies overlap: five seeds show which optimiser is fast here, not which one ends best. That is common once
# each one is tuned.
#
# > [!SAY] Adam or SGD with momentum?
# > Adam scales the step of every weight by its past gradients, so it works nearly untuned and converges fast; it is the default for transformers and for a first try. SGD with
# > momentum has one rate for all, needs a schedule and tuning, and with those has often generalised as well or better on image classification; most classical CNN results used it. With Adam, use AdamW:
# > its weight decay is not divided by the gradient's size. Adam also needs two extra numbers per weight, momentum one.
#
# **Gradient clipping** caps explosions: if the joint norm of all gradients exceeds a limit, all are scaled down by one factor. The direction stays. (Clipping each number by itself changes
# the direction.)

# %%
gradients = {"w": np.array([3.0]), "b": np.array([4.0])}
norm = optim.clip_by_norm(gradients, 1.0)
print(f"norm {norm:.0f}, clipped to", {name: g.round(1).tolist() for name, g in gradients.items()})

# %% [markdown]
# **Drills.** Momentum, Adam and clipping by hand:

# %%
drill("momentum-steps")

# %%
drill("adam-first-step")

# %%
drill("clipped-gradient")

# %% [markdown]
# One formula, one program, one spoken answer:

# %%
drill("moment-bias")

# %%
drill("momentum-code")

# %%
drill("say-adam-or-sgd")

# %% [markdown]
# ## Schedules and the learning-rate finder
#
# **Question.** If only one number may be tuned, it is the learning rate. How do you find it, and should it stay the same?
#
# **Predict.** SGD with momentum on the digits, four epochs. Between the smallest rate that learns anything and the largest that does not blow up: a factor of 3, 10 or 100?

# %%
rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
sweep = races.learning_rate_sweep(rates, seeds=(0, 1)).mean(axis=0)
for rate, loss in zip(rates, sweep):
    print(f"rate {rate:>5}: loss {loss:.1f}", "#" * round(10 * loss))

# %% [markdown]
# A factor of 100: from 0.003, which barely learns (ln 10 = 2.3 is knowing nothing), to 0.3. A U on a logarithmic axis. So search by factors, not by differences: 0.001, 0.003, 0.01, ... Too low looks like a plateau; too high jumps about, or ends in NaN.
#
# **The finder** does the sweep in one short run: raise the rate by a constant factor at every step, note the loss, stop when it explodes. Take a rate where the loss falls steeply, well before its lowest point.

# %%
with np.errstate(all="ignore"):
    scan = find_learning_rate(common.small_cnn(), x, y, optimizer=optim.SGD(momentum=0.9), low=1e-4)
print(f"{len(scan.rates)} steps; the loss fell fastest near a rate of {scan.suggestion:.2g}")

# %%
caption = f"The loss while the learning rate rises at every step; it falls fastest near {scan.suggestion:.2g}, then rises."
figures.show(figures.draw_scan, scan.rates, scan.losses, scan.suggestion, caption=caption, size=(6.5, 2.8))

# %% [markdown]
# **Schedules.** Large steps cross the landscape, small steps settle in a valley: the noise of the mini-batches keeps the loss
# above its minimum, by an amount roughly proportional to the rate. So lower the rate towards the end.

# %%
plans = {
    "step": optim.step_decay(0.1, every=30, factor=0.3),
    "cosine": optim.cosine(0.1, 100),
    "warm-up + cosine": optim.warm_up(optim.cosine(0.1, 90), 10),
    "one cycle": optim.one_cycle(0.1, 100),
}
steps = np.arange(100)
for name, plan in plans.items():
    print(f"{name:>16}:", "  ".join(f"{plan(step):.3f}" for step in (0, 10, 30, 50, 99)))

# %%
lines = {name: np.array([plan(step) for step in steps]) for name, plan in plans.items()}
caption = "Four schedules over 100 steps, at most 0.1: a staircase, half a cosine, the same behind a warm-up, and one cycle."
figures.show(
    figures.draw_curves, steps, lines, xlabel="step", ylabel="learning rate", caption=caption, size=(8, 2.6)
)

# %% [markdown]
# **Warm-up** starts low for some hundred steps: fresh weights have wild gradients, and Adam's averages rest on few of them. **Cosine** needs no decisions but its length. **One cycle** rises
# for the first 30 % and falls to nearly 0 from there. **Reduce on plateau** divides the rate when the
# validation loss stops falling. Before you compare schedules, compare rates: the rate matters more.

# %%
drill("cosine-rate")

# %% [markdown]
# ## Normalising the input
#
# **Question.** The course's text lists *ignoring normalization of input images* among its common mistakes. What exactly goes wrong?
#
# **Intuition.** A weight's gradient is its input times the error behind it. Inputs of 200 make gradients 200 times as large as inputs of 1, and inputs that all have a large mean make all those gradients
# point the same way. The valley gets steep in one direction and stays flat in the others.
# Large inputs also start sigmoid and tanh units in saturation.
#
# **Formula.** For a linear model with half the squared error the curvatures are the eigenvalues of $\frac1N X^\top X$ (a column of ones in $X$
# stands for the bias). Their sum is the number of inputs times their mean square, and a large common mean puts nearly all of it into one:
# subtracting the mean removes that; dividing by the deviation sets the scale.
#
# **Predict.** One network, one learning rate, the same digits on four scales. Which trains?

# %%
print(normalising.input_scales())

# %% [markdown]
# Bytes explode at a rate that is fine for pixels in [0, 1]. The last row has the right *spread* and a mean of 1000: nothing is learned either. Standardising ends with the lowest loss. The curvatures say why:

# %%
mean, std = x.mean(), x.std()
for name, pixels in (
    ("0 to 255", 255 * x),
    ("0 to 1", x),
    ("mean 0, std 1", (x - mean) / std),
    ("1000 to 1001", x + 1000),
):
    first, second = normalising.first_curvatures(pixels)[:2]
    print(f"{name:>13}: largest curvature {first:.2g}, {first / second:.2g} times the second")

# %% [markdown]
# Bytes make nearly the same valley, about $255^2 \approx 65{,}000$ times as steep (only the bias, whose input is 1 in both, keeps its scale:
# hence 14 and 16): a rate as many times smaller would do. A large mean makes a valley that is a hundred million times steeper in one direction than in the next: no rate helps.
#
# **The usual steps:** decode; resize and crop; scale to [0, 1]; subtract a mean and divide by a standard deviation *per channel*; augment (training only); batch. ImageNet's (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225) are such
# statistics: a pretrained network must get the ones *it* was trained with.
#
# **Where do the statistics come from?** From the **training set only**, after the split, and they are stored with the model. Mean and deviation of everything, computed before the split, have seen the test set:


# %%
def channel_statistics(images):
    """(N, H, W, C) -> one mean and one deviation per channel"""
    return images.mean(axis=(0, 1, 2)), images.std(axis=(0, 1, 2))


photo = data.photo("coffee", size=64, dtype=np.float64)[None]
mean, std = channel_statistics(photo)  # of the training images; keep them
ready = (photo - mean) / std
print(
    "mean",
    mean.round(2),
    "std",
    std.round(2),
    "->",
    ready.mean(axis=(0, 1, 2)).round(2) + 0.0,
    ready.std().round(2),
)

# %%
drill("standardised-pixel")

# %% [markdown]
# ## Batch normalisation
#
# **Question.** The input is normalised. The input of layer 20 is not: it depends on 19 layers that move at every step. Can each layer be given inputs of a fixed scale?
#
# **Formula.** For each channel over the batch (and all positions), with $M$ numbers:
#
# $$\hat x = \frac{x - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} \qquad y = \gamma \hat x + \beta \qquad \mu_B = \tfrac1M \textstyle\sum x, \;\; \sigma_B^2 = \tfrac1M \sum (x - \mu_B)^2$$
#
# $\gamma$ and $\beta$ are trained, so that the layer can choose any scale and shift, also the original ones.
#
# **Shapes** are asked: for a dense output $N \times C$ the mean has $C$ numbers (over $N$). For a convolution's $N \times H \times W \times C$ it has $C$ as well: the average runs over $N$, $H$ *and* $W$. Trained: $2C$. Kept but not trained: $2C$
# running statistics.

# %%
maps = rng.normal(3.0, 2.0, size=(8, 6, 6, 5))
by_hand = (maps - maps.mean(axis=(0, 1, 2))) / np.sqrt(maps.var(axis=(0, 1, 2)) + 1e-5)
gamma, beta = np.ones(5), np.zeros(5)
y_bn, cache = batch_norm(maps, gamma, beta)
print("agrees:", np.allclose(by_hand, y_bn), "| mean of shape", cache.mean.shape)
layer = Sequential([layers.Conv2D(16, 3), layers.BatchNorm()], input_shape=(8, 8, 3)).layers[1]
print(f"16 channels: {layer.count_params()} trained, {layer.count_state()} kept")

# %% [markdown]
# **Training and evaluation differ.** A single picture at inference has no batch, and its answer must not depend on what else is in the batch. So training keeps running averages,
# $r \leftarrow m\,r + (1 - m)\,\mu_B$ with $m$ around 0.9 to 0.99, and evaluation uses them: then the layer is a fixed affine map, one multiplication and one addition per channel.
#
# **Predict.** A network with batch normalisation is left in training mode. The same digit is shown 50 times,
# each time beside seven other digits. How often does the probability of its class change?

# %%
answers, alone = normalising.answers_by_company()
print(f"evaluation mode: {alone:.0%} for its class, always")
print(f"training mode: {answers.min():.0%} to {answers.max():.0%}, depending on its neighbours")

# %% [markdown]
# Every time: 50 different numbers. The other direction is as bad: a network trained for only a few steps has running averages that still lag behind (they start at 0 and 1), and evaluation looks broken while training looks fine. How far
# behind, after $t$ steps with momentum $m$: a share $m^t$ of the start is left.

# %%
for momentum in (0.9, 0.99, 0.999):
    print(f"momentum {momentum}: {100 * momentum**100:.2g} % of the starting value is left after 100 steps")

# %% [markdown]
# > [!FRAMEWORKS] Momentum means two things
# > Keras: `running = momentum * running + (1 - momentum) * batch`, 0.99 by default. PyTorch: `running = (1 - momentum) * running + momentum * batch`, 0.1 by default: Keras' 0.9. $\epsilon$ is 1e-3 in Keras and 1e-5 in PyTorch; a
# > converted network that is slightly off often has the wrong one. PyTorch's running variance divides by $M - 1$, Keras' by $M$.
#
# **The bias before it is useless.** Batch normalisation subtracts the mean, and with it every constant. Its own $\beta$ takes over. So write `bias=False`:

# %%
shifted, _ = batch_norm(maps + np.arange(5.0), gamma, beta)
print("a bias before batch norm changes nothing:", np.allclose(shifted, y_bn))
scaled, _ = batch_norm(7 * maps, gamma, beta)
print(f"nor does a factor of 7, up to {np.abs(scaled - y_bn).max():.0e}")

# %% [markdown]
# The second line is why it tames initialisation and learning rates: the scale of the weights before it no longer matters for the output.
#
# **Before or after the activation?** The paper puts it between convolution and ReLU: the pre-activations are centred, so that
# at first each unit is on for about half of the inputs. After ReLU it works in practice too. Pre-activation ResNets use batch norm, ReLU,
# convolution. Be consistent; the argument about the bias holds only where batch norm directly follows the convolution.
#
# **Why does it help?** The paper's reason was *internal covariate shift*. Later work found little of that and a smoother loss instead: gradients that change less along a step (Santurkar et al. 2018). What is agreed:
# it allows larger rates, forgives initialisation, and the noise of its batch statistics regularises.
#
# **Small batches** are its weak spot. In a batch of two, a dense unit's normalised values are $+1$ and $-1$ whatever
# they were (unless equal), and evaluation, with its averages, computes something that training never saw.

# %%
pairs = np.array([[0.1, 5.0], [0.2, -900.0]])
print("a batch of two:\n", batch_norm(pairs, np.ones(2), np.zeros(2))[0].round(2))
for size, accuracies in normalising.batch_size_and_norm().items():
    print(f"batches of {size:>2}:", ", ".join(f"{norm} {value:.0%}" for norm, value in accuracies.items()))

# %% [markdown]
# (150 steps each, three seeds: no normalisation, batch, layer.) At 32 the three
# are within two points; at 2 batch norm is by far the worst. **Other groupings** do not look at the batch at all:

# %%
caption = (
    "A batch of 4 examples with 6 channels; each square is one feature map (H×W). Blue: the maps that share a mean and a variance. Batch norm: one channel, all examples. "
    "Layer, group and instance norm: one example, all, some or one of its channels."
)
figures.show(figures.draw_norm_groups, caption=caption, size=(9.5, 1.9))

# %% [markdown]
# - **Layer norm**: all channels of one example. For vectors (transformers) over the features of each position; for ConvNets over $H$, $W$, $C$. Same in training and evaluation.
# - **Group norm**: $C$ channels in $G$ groups, a mean and a variance per example and group, over $H$, $W$ and the group's channels; $\gamma$ and $\beta$ of size $C$. $G = 1$ is layer norm (the ConvNet form), $G = C$ is **instance norm** (style transfer).
#   For dense layers there is no $H$ and $W$: $G = 1$ is layer norm, and $G = C$ would normalise single numbers to 0.

# %%
layer_like = group_norm(maps, gamma, beta, groups=1)
instance = group_norm(maps, gamma, beta, groups=5)
hand_layer = (maps - maps.mean(axis=(1, 2, 3), keepdims=True)) / np.sqrt(
    maps.var(axis=(1, 2, 3), keepdims=True) + 1e-5
)
hand_instance = (maps - maps.mean(axis=(1, 2), keepdims=True)) / np.sqrt(
    maps.var(axis=(1, 2), keepdims=True) + 1e-5
)
print(
    "G=1 is layer norm:",
    np.allclose(layer_like, hand_layer),
    "| G=C is instance norm:",
    np.allclose(instance, hand_instance),
)
alone = group_norm(maps[:1], gamma, beta, groups=1)
print("the batch plays no part:", np.allclose(alone, layer_like[:1]))

# %% [markdown]
# **Local response normalisation** (AlexNet) is older and something else: it divides a value by a function of the *squares of its neighbouring channels at the same position*, $b_i = a_i / (k + \alpha \sum_{j \in n \text{ channels around } i} a_j^2)^\beta$ with
# $k = 2, n = 5, \alpha = 10^{-4}, \beta = 0.75$. A loud channel quietens its neighbours (*lateral inhibition*), which pushes maps to specialise. No mean is subtracted, nothing is trained. It gained AlexNet about a point, little for later networks (VGG's
# authors found no gain), and batch norm with good initialisation replaced it.

# %%
lrn = layers.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0)
values = np.array([[[[1.0, 1.0, 200.0, 1.0, 1.0, 1.0]]]])
print("one loud channel:", lrn.forward(values).round(2).ravel())

# %% [markdown]
# **Drills.** Shapes, numbers, averages:

# %%
drill("batch-norm-parameters")

# %%
drill("batch-norm-by-hand")

# %%
drill("running-mean")

# %% [markdown]
# And the ones on modes and batches:

# %%
drill("small-batch-norm")

# %%
drill("batch-norm-code")

# %%
drill("say-batch-norm-modes")

# %% [markdown]
# ## Dropout
#
# **Question.** How can switching units off make a network better?
#
# **Intuition.** No unit may rely on one other unit being there, so each must be useful by itself. Every step trains another thinned network; at test time all of them answer together.
#
# **Formula.** In training each value is kept with probability $1 - p$: $y = x \cdot m / (1 - p)$ with $m \in \{0, 1\}$. Backward:
# $dx = dy \cdot m / (1 - p)$, the *same* mask. In evaluation: $y = x$.
#
# **Why the $1/(1-p)$?** The next layer sums over these values. Without the factor its sums would be, on average, $1/(1-p)$ times
# as large in evaluation as in training. With it, the expectation is $x$ in both modes (*inverted* dropout). The original form left
# training alone and multiplied by $1 - p$ at test time: the same in expectation.


# %%
def dropout(x, p, rng, training):
    if not training:
        return x, None
    mask = (rng.random(x.shape) >= p) / (1 - p)
    return x * mask, mask  # backward: dy * mask


values = np.ones(100_000)
dropped, mask = dropout(values, 0.4, rng, training=True)
print(f"kept {(dropped > 0).mean():.1%}, each {dropped.max():.3f}, mean {dropped.mean():.2f}")
print("evaluation changes nothing:", np.array_equal(dropout(values, 0.4, rng, training=False)[0], values))

# %% [markdown]
# **Predict.** With dropout in the network, which is higher during training: the training loss that the progress line shows, or the validation loss? (It can be either.
# The training numbers are measured under dropout and augmentation, and averaged over an epoch in which the network was still worse; the
# validation numbers are not.)
#
# **Its relatives.** *Spatial dropout* drops whole feature maps: neighbouring pixels of a map carry nearly the same
# information, so single ones are not missed. *DropBlock* drops squares. **Stochastic depth** drops whole residual blocks: in training the block's branch is skipped with
# a probability that grows with depth (survival from 1 down to 0.5, linearly), and the identity remains; at test all blocks are used, each branch multiplied by its survival probability. It regularises, and the network in training is shorter than the one that is kept:

# %%
blocks = 54
survival = 1 - 0.5 * np.arange(1, blocks + 1) / blocks
print(
    f"of {blocks} blocks {survival.sum():.0f} are there in an average step; the last survives {survival[-1]:.0%}"
)
branch, kept = 2.0, rng.random(100_000) < 0.6
print(
    f"x + branch when it survives: {(1 + branch * kept).mean():.2f}; at test x + 0.6 * branch: {1 + 0.6 * branch:.2f}"
)

# %% [markdown]
# > [!MISTAKE] Dropout everywhere, at 0.5
# > Dropout belongs before large dense layers. In convolutional layers with batch normalisation it often hurts: the variance that dropout adds in training is missing in evaluation, and batch norm's running variances no longer fit. And a network that underfits
# > needs less of it, not more.

# %%
drill("inverted-dropout")

# %%
drill("validation-below-training")

# %%
drill("dropout-code")

# %% [markdown]
# ## Weight decay
#
# **Question.** Why should small weights generalise better, and what is the W in AdamW?
#
# **Intuition.** Large weights make steep functions: to pass exactly through every noisy example a network needs them. A pull towards 0 lets a weight grow only if the data insist.
#
# **Two forms.** An **L2 penalty** $\frac{\lambda}{2} \sum w^2$ adds $\lambda w$ to the gradient. **Weight decay** multiplies the weight: $w \leftarrow (1 - \eta\lambda)\, w - \eta g$. For plain SGD that is the same. (For momentum almost: the penalty goes through the velocity.)
#
# **Predict.** And for Adam? Take a weight of 2 with gradient 0, learning rate 0.1, $\lambda = 0.001$. Where does the L2 form put it?


# %%
def after_one_step(optimizer, gradient):
    weight = {"w": np.array([[2.0]])}
    optimizer.step(weight, {"w": np.array([[gradient]])})
    return weight["w"].item()


for decay in (0.001, 0.1):
    l2, decoupled = optim.Adam(0.1, l2=decay), optim.AdamW(0.1, weight_decay=decay)
    print(
        f"lambda {decay}: Adam with L2 {after_one_step(l2, 0.0):.4f}, AdamW {after_one_step(decoupled, 0.0):.4f}"
    )

# %% [markdown]
# Adam divides the penalty's gradient by its own size: $\lambda$ cancels, and the weight moves by a whole learning rate. Conversely, a weight with large gradients is hardly decayed. AdamW takes the decay out of that division.
#
# How strong is a decay? With a gradient of 0 a weight shrinks by the factor $(1 - \eta\lambda)^t$ in $t$ steps: at $\eta = 0.001$, $\lambda = 0.01$ to half in about 69,000 steps. **Which parameters?** Weights only. Biases and batch norm's $\gamma, \beta$ are few, and shrinking them
# shifts the function instead of simplifying it. (Before batch norm the scale of a weight does not matter for the output at all: there decay acts as a larger effective learning rate.)

# %%
layer = {"w": np.full((2, 2), 2.0), "b": np.full(2, 2.0)}
optim.AdamW(0.1, weight_decay=0.5).step(layer, {name: np.zeros_like(array) for name, array in layer.items()})
print("weight", layer["w"][0, 0], "bias", layer["b"][0])
print(f"half after {np.log(0.5) / np.log(1 - 0.001 * 0.01):,.0f} steps")

# %%
drill("decay-step")

# %%
drill("adam-and-decay")

# %% [markdown]
# ## Augmentation
#
# **Question.** More data is the best cure for overfitting. Where from?
#
# **Intuition.** You know things that the data do not say: a slightly turned digit is the same digit. Every change that keeps the label is a new example for free. It is drawn anew in every epoch, and only for training.

# %%
digits, digit_labels = data.digits()
two = digits[278][None, :, :, None]
changes = {
    "original": lambda a, r: a,
    "shift": lambda a, r: augment.affine(a, r, offset=(1.0, 1.0)),
    "rotate 15°": lambda a, r: augment.rotate(a, r, (15.0, 15.0)),
    "zoom": lambda a, r: augment.zoom(a, r, (1.3, 1.3)),
    "contrast": lambda a, r: augment.contrast(a, r, (0.5, 0.5)),
    "noise": lambda a, r: augment.noise(a, r, 0.15),
    "cutout": augment.cutout,
    "flip": lambda a, r: augment.flip(a, r, probability=1.0),
}
pictures = [np.clip(change(two, np.random.default_rng(1))[0, :, :, 0], 0, 1) for change in changes.values()]
print({name: round(float(picture.sum()), 1) for name, picture in zip(changes, pictures)})

# %%
caption = "A 2 and seven changes of it (their sums of ink are printed above). Six are still a 2. The mirrored one is not."
figures.show(
    figures.draw_gallery,
    pictures,
    list(changes),
    columns=8,
    cmaps=["gray"] * 8,
    caption=caption,
    size=(10, 1.7),
)

# %% [markdown]
# **Label-destroying augmentations.** The trained digit network (98 % on hands it has never seen) is shown flipped and turned digits.
#
# **Predict.** Which digits survive a left-right flip? What will a 6 turned by 180° be called? And a 2?

# %%
trained, unseen = zoo.trained_digits(), digit_training.form_split()
flipped = augment.flip(unseen.x_test, rng, probability=1.0)
turned = np.rot90(unseen.x_test, 2, axes=(1, 2))
for name, images in (("as they are", unseen.x_test), ("flipped", flipped), ("turned by 180°", turned)):
    right = trained.predict(images).argmax(axis=1) == unseen.y_test
    print(
        f"{name:>15}:", ", ".join(f"{k}: {right[unseen.y_test == k].mean():.0%}" for k in (0, 1, 2, 6, 8, 9))
    )
said = trained.predict(turned[unseen.y_test == 6]).argmax(axis=1)
print(f"a turned 6 is called a 9 in {(said == 9).mean():.0%} of the cases")

# %% [markdown]
# 0 and 8 survive both. A flipped 2 is no digit at all, while a turned 2 still looks like one. A turned 6 *is* a 9: training on it with the label 6 teaches a contradiction. So ask for each augmentation: **would a person still give the same label, and could this picture occur?**
#
# | data | good | careful |
# |---|---|---|
# | satellite, microscope (seen from above) | flips, rotations by any angle: no direction is preferred | scale, if size carries meaning; shadows |
# | flowers, animals, objects | horizontal flips, small rotations, crops and zooms, lighting | **hue**: colour may define the class; upside down does not occur |
# | street scenes | horizontal flip, scale, weather, blur | flipped signs and lane rules |
# | digits, text | shifts, small rotations, shear, thickness | flips; rotations that turn a 6 into a 9 |
# | chest X-rays | small rotations, contrast | flips: the heart lies on the left |
#
# **Stronger ones.** *Cutout* blanks a square. **Mixup** takes a weighted average of two images *and* of their
# targets: 70 % of a 3 and 30 % of an 8 should be answered 0.7 and 0.3. *CutMix* pastes a patch, targets by area. *RandAugment* draws a few changes of one strength. Detection and segmentation must
# change boxes and masks along with the image. **Test-time augmentation** averages the answers over a few harmless changes.

# %%
mixed, targets = augment.mixup(
    np.stack([digits[3], digits[8]])[..., None], np.eye(10)[[3, 8]], np.random.default_rng(3), alpha=1.0
)
print("mixed targets:", targets[:, [3, 8]].round(2).tolist())

# %% [markdown]
# **Progressive resizing.** Train on small images first, then on larger ones. A convolution's weights do not depend on the image size, and global (adaptive) pooling gives the head the same number of inputs, so the same weights run on any size. At half the side the first
# epochs cost about a quarter, and the change of scale acts as augmentation. With `Flatten` before a dense layer it fails: that layer's size depends on the image size.


# %%
def any_size(side):
    body = [layers.Conv2D(8, 3, activation="relu"), layers.GlobalAvgPool2D(), layers.Dense(10)]
    return Sequential(body, input_shape=(side, side, 1))


small, large = any_size(16), any_size(64)
for name, weights in small.params.items():
    large.params[name][...] = weights  # the same shapes
print("outputs of both:", small.output_shapes[-1], large.output_shapes[-1])
print(f"cost: {large.count_macs() / small.count_macs():.0f} times as much")

# %%
drill("digit-augmentations")

# %% [markdown]
# ## Learning curves and early stopping
#
# **Question.** Two curves, training and validation. What do they tell?
#
# | training loss | validation loss | name | do |
# |---|---|---|---|
# | high, flat | high, near it | underfitting (bias) | larger network, longer, higher rate, *less* regularisation (smaller decay, higher keep probability in dropout); more data does not help |
# | low | far above, rising | overfitting (variance) | more data, augmentation, decay, dropout, smaller network |
# | falls | falls, close | healthy | go on until it stops falling |
# | jumps, NaN | | rate too high | divide it by 3 to 10, clip, warm up |
# | flat from the start | | a bug, or a rate that is far off | see *The network does not learn* |
# | low | *lower* than training | dropout or augmentation in training only; or the validation set is easier, or leaks | compare in evaluation mode |
#
# 150 digits, a fifth of the labels wrong, nothing done about it. **Predict.** The validation *loss* rises from some epoch on. What does the validation *accuracy* do then?

# %%
history = overfitting.overfitting_history()
best = 1 + int(np.argmin(history.validation_loss))
for epoch in (1, best, len(history.loss)):
    row = epoch - 1
    print(
        f"epoch {epoch:>2}: training {history.loss[row]:.1f} {history.accuracy[row]:.0%}, "
        f"validation {history.validation_loss[row]:.1f} {history.validation_accuracy[row]:.0%}"
    )

# %%
caption = f"Training goes on improving; the validation loss is lowest after epoch {best} (dotted) and rises from there."
pairs = ((history.loss, history.accuracy), (history.validation_loss, history.validation_accuracy))
figures.show(figures.draw_learning_curves, *pairs, best=best, caption=caption, size=(9, 2.8))

# %% [markdown]
# Both turn at about the same epoch here, but the loss rises by a quarter while the accuracy loses a tenth: the network makes a few more
# mistakes, and is *surer* of all of them. The accuracy may even stand still meanwhile.
#
# **Early stopping**: keep the weights of the best validation epoch, stop when none better came for some epochs (the *patience*), and go back to the best. It costs a validation set, and the validation score of the chosen epoch is a little too good: report on a third set.

# %%
noisy, _ = labels.with_wrong_labels(y, 0.2, np.random.default_rng(0))
stopper = Trainer(
    common.small_cnn(),
    x[:150],
    noisy[:150],
    validation=(x_val, y_val),
    optimizer=optim.Adam(0.004),
    patience=5,
)
stopper.run(60)
print(stopper.stopped)

# %% [markdown]
# **Drills.** Read some curves:

# %%
drill("early-stopping-epoch")

# %%
drill("accuracy-flat-loss-up")

# %%
drill("high-training-error")

# %% [markdown]
# ## Overfitting, made and cured
#
# **Question.** What is each cure worth?
#
# First, how far can it go? Networks have the capacity to learn *anything* by heart. Labels drawn by dice:

# %%
seen, fresh = overfitting.random_labels()
print(f"labels by dice: {seen:.0%} right on the training digits, {fresh:.0%} on others")

# %% [markdown]
# So a perfect training score proves nothing. Now 150 digits, a fifth of the training labels wrong (the test labels are right), five seeds, and one change at a time. Each gain is the mean difference from *nothing* over the same five splits, with its 95 % interval by
# Student's t: $\bar d \pm 2.776\, s / \sqrt5$.
#
# **Predict.** Rank them: augmentation, dropout, weight decay, label smoothing, early stopping, all at once, four times the data.

# %%
comparison = overfitting.cures()
print(comparison)

# %%
caption = "Every dot is one seed's test accuracy, the diamonds are means with 95 % intervals, the dotted line is doing nothing."
figures.show(figures.draw_runs, comparison.test, caption=caption, size=(8.5, 3.6))

# %% [markdown]
# Read it with care:
#
# - **More data** gains most, on average twice as much as the next. Everything else is a substitute for it.
# - The training accuracies show what regularisation *does*: with nothing the wrong labels are learned by heart (whatever exceeds 80 % must be: a fifth of the labels is wrong).
# - Augmentation gains as much as weight decay on average, but its interval contains 0, and that of weight decay does not: five seeds show the one gain and not the other. One lucky seed would have "proved" any of these.
# - **All at full strength is worse than nothing**: the training accuracy is low as well. That is underfitting. Cures add up; their strengths must be tuned together.
# - Early stopping pays with a fifth of the 150 digits for validation. Here five seeds show no gain.
#
# > [!SAY] My CNN overfits. What now?
# > First make sure that it is overfitting: training good, validation bad, both from the same distribution, no duplicates between them. Then, in this order: more data, or more from the same data by label-preserving augmentation; a pretrained network; regularisation, that is weight decay,
# > dropout before dense layers, label smoothing, batch norm's noise, early stopping; a smaller network, or global pooling in place of a large dense layer. One change at a time, several seeds.

# %% [markdown]
# **The network's own fault.** The source's Keras model (chapter 00) has 1,626,442 parameters. Where are they?


# %%
def source_model(head):
    convolutions = [
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPool2D(2),
        layers.Conv2D(64, 3, activation="relu"),
    ]
    return Sequential([*convolutions, layers.MaxPool2D(2), *head], input_shape=(64, 64, 3))


dense = source_model(
    [layers.Flatten(), layers.Dense(128, "relu"), layers.Dropout(0.5), layers.Dense(10, "softmax")]
)
pooled = source_model([layers.GlobalAvgPool2D(), layers.Dense(10, "softmax")])
share = dense.layers[5].count_params() / dense.count_params()
print(f"{dense.count_params():,} parameters, {share:.1%} of them in one dense layer")
print(f"with global average pooling: {pooled.count_params():,}")

# %% [markdown]
# `Flatten` stands between the convolutions and the dense layers: it lays $H \times W \times C$ out as one vector, because a dense layer wants one. How many dense layers follow is free: one hidden layer and the classifier are usual, three dense
# layers in VGG, only the classifier with global pooling.
#
# **Is pooling a cure for overfitting?** No: its purpose is to shrink the maps. Any regularising effect is a by-product. Dropout, augmentation and early stopping are made for it.
#
# **First overfit or first underfit?** First *overfit*, even on ten examples. A network that cannot learn ten examples by heart has a bug or too little capacity. Then add data and regularisation until the gap closes.

# %%
ten = common.small_cnn()
Trainer(ten, x[:10], y[:10], optimizer=optim.Adam(0.01), batch_size=10).run(30)
print("ten digits by heart: loss below 0.05:", ten.evaluate(x[:10], y[:10])[0] < 0.05)

# %% [markdown]
# **Drills.** A choice, an interval, and the answer to say aloud:

# %%
drill("not-against-overfitting")

# %%
drill("interval-of-five-seeds")

# %%
drill("say-overfitting")

# %% [markdown]
# ### Wrong labels
#
# **Some labels are wrong, and nobody knows which.** Rank the examples by their loss in a network that was *not* trained on them (cross-validation: five folds, each judged by the other four). A network that was trained on them
# has learned the wrong labels by heart and suspects nobody.
#
# **Predict.** 600 digits, 30 labels changed. How many of the 30 are among the 60 most suspicious?

# %%
suspects = labels.find_suspects()
for looked_at in (30, 60, 120):
    print(
        f"look at {looked_at:>3} of {len(suspects.losses)}: {suspects.found(looked_at)} of {suspects.wrong.sum()} found"
    )

# %% [markdown]
# Then check those by hand: far cheaper than checking all. Other means: disagreement of an ensemble, *confident learning* (estimating which class is mistaken for which), losses that punish one example less (label smoothing, generalised cross-entropy), *co-teaching* (two networks pick each
# other's low-loss examples), early stopping, since right labels are learned first.
#
# ## Leakage
#
# **Question.** 99 % in the notebook, 80 % at the customer's. Where did 19 points go?
#
# **Leakage**: something about the test examples was used for training or for a decision. Four experiments, ten seeds each; the classifier is the simplest there is (the label of the nearest training example, or the nearest mean), so that training plays no part.
#
# **Predict.** Labels by the toss of a coin, 80 examples, 1,000 features of pure noise. The 20 features that correlate best with the labels are selected, *then* the data are split. Honest would be 50 %. What comes out?

# %%
experiments = {
    "features chosen before the split": leakage.selected_first,
    "augmented before the split": leakage.augmented_first,
    "test digits by hands from training": leakage.by_hand,
    "mean and std before the split": leakage.standardised_first,
}
for name, experiment in experiments.items():
    print(f"{name}: {experiment()}")

# %% [markdown]
# (*Invented* points are leaking minus honest: they are gone with the first user.)
#
# 1. **Selection before the split** finds accuracy in coin flips. *Everything* that looks at labels belongs after the
#    split, inside each fold.
# 2. **Copies in both parts**: augmented (or duplicated, or neighbouring video frames) before the split, each test picture has a sister in training.
# 3. **Groups**: the digits came on 14 forms, one hand each. A random split tests known hands; users have unknown ones. Split by person, patient, device, day. (The digit network of chapter 07: 99 % on a random split, 98 % on unseen hands, and a far wider interval: `python -m cnnkit.digit_training`.)
# 4. **Statistics of everything**: measured here, there is no visible effect. It is still wrong: with few examples, outliers or a drifting
#    source there can be one, and nobody can tell beforehand. Fit the scaler on the training part; it costs nothing.
#
# Also: tuning on the test set (each look leaks a little; keep a third set), a feature that is known only *after* the answer, a scanner's mark on the pictures of one class, and pretraining on the benchmark's test images.

# %%
drill("what-leaks")

# %%
drill("bug-leaking-statistics")

# %% [markdown]
# ## The network does not learn
#
# **Question.** The loss is flat from the start. What do you do?
#
# A fixed order, from cheap to expensive:
#
# 1. **Look at the data**: ten images *with* their labels, after all preprocessing, as the network gets them. Shapes, ranges, NaN, class counts.
# 2. **The first loss** should be about $\ln K$. Far above: scale of inputs or weights. NaN: a logarithm of 0, a division by 0, an overflow.
# 3. **Overfit one small batch**, without augmentation and regularisation. If the loss does not go to 0 there, it is a *bug*:
#    wrong loss or softmax twice, frozen or detached parameters, evaluation mode, gradients not zeroed or never applied, a learning rate of
#    the wrong order. (Labels that belong to other images *pass* this test, since they can be learned by heart: step 1 finds them.)
# 4. **Gradient norms per layer** (chapter 05): zeros early in the network, or explosions? A gradient check for your own layers.
# 5. **Sweep the learning rate** by factors of 3 to 10, or run the finder.
# 6. **Initialisation and dead ReLUs** (chapter 06): He for ReLU ($2 / (k^2 C_\text{in})$), Xavier ($2 / (n_\text{in} + n_\text{out})$) for tanh; the share of units that are 0 on everything.
# 7. **A constant answer**: is the validation accuracy exactly the share of the most frequent class?
# 8. Only then **capacity**; and when it learns but does not generalise, the sections above.
#
# Change one thing at a time. Keep a run that is known to work, and walk from it to yours.
#
# The symptoms as numbers, for this chapter's network when it is healthy:


# %%
def health(net, images, targets):
    loss, _ = net.loss_and_gradients(images, targets)
    norms = {name: np.linalg.norm(g) for name, g in net.grads.items() if name.endswith("/w")}
    hidden = net.activations(images)["dense/relu"]
    return loss, norms, (hidden == 0).all(axis=0).mean()


loss, norms, dead = health(common.small_cnn(), x, y)
print(f"first loss {loss:.1f} (ln 10 = {np.log(10):.1f}), dead units {dead:.0%}")
print("gradient norms:", {name: float(f"{norm:.1g}") for name, norm in norms.items()})

# %% [markdown]
# **Ten patients.** A to E are the five *Common mistakes* of the source, F to J the bugs that interviewers ask for. Read the symptoms, commit to a diagnosis, then unfold it.

# %%
for case in "ABC":
    print(case, broken.symptoms(case), sep="\n", end="\n\n")

# %% [markdown]
# **Predict.** Which of the three has a network that never sees most of the picture? Which one's data are on the wrong scale? Which one has learned everything by heart? The first loss, the training accuracy and the gap decide.

# %%
for case in "ABC":
    print(broken.diagnosis(case), end="\n\n")

# %% [markdown]
# C is worth a look: with a kernel of 2 and a stride of 4 the windows cover $(2/4)^2 = \frac14$ of the pixels. Stride larger than the kernel means blind spots; a first kernel larger than the objects, or pooling down to 1×1 too early, loses as much in other ways.
#
# Next two:

# %%
for case in "DE":
    print(case, broken.symptoms(case), sep="\n", end="\n\n")

# %% [markdown]
# **Predict.** Both have a gap. One has too few examples, the other one wrong labels and nothing to stop it. Which is which?

# %%
for case in "DE":
    print(broken.diagnosis(case), end="\n\n")

# %% [markdown]
# And the bugs. These are the ones to recognise in seconds:

# %%
for case in "FGH":
    print(case, broken.symptoms(case), sep="\n", end="\n\n")

# %% [markdown]
# **Predict** again: nothing moves at all in two of the three. In one of them the gradient is healthy.

# %%
for case in "FGH":
    print(broken.diagnosis(case), end="\n\n")

# %% [markdown]
# The last two. I learns, but its loss creeps towards a strange number; J looks like G.

# %%
for case in "IJ":
    print(case, broken.symptoms(case), sep="\n", end="\n\n")

# %% [markdown]
# **Predict.** Which number is $\ln(e + 9) - 1$? What would you print to tell J from G?

# %%
for case in "IJ":
    print(broken.diagnosis(case), end="\n\n")
print(f"ln(e + 9) - 1 = {np.log(np.e + 9) - 1:.2f}")

# %% [markdown]
# **Play.** The same on a live network: train it, step it, and break it. Turn one switch, watch the loss, the filters and the feature maps, and say *why* before you repair it. Which switch is noticed first in the loss, and which one only in the maps?

# %%
TrainingPlayground()

# %% [markdown]
# **Drills.** Two symptoms to explain, and the answer to say aloud:

# %%
drill("all-weights-zero")

# %%
drill("loss-becomes-nan")

# %%
drill("say-does-not-learn")

# %% [markdown]
# > [!INTERVIEW] Which initialisation?
# > The aim is a variance that stays the same from layer to layer, for signals and gradients. ReLU: He, variance $2 / \text{fan-in}$ with fan-in $k \cdot k \cdot C_\text{in}$. Tanh, sigmoid: Xavier, $2 / (\text{fan-in} + \text{fan-out})$. Biases 0. Chapter 06 derives both rules. Pretrained weights are usually
# > better than either, and normalisation makes the choice less critical.

# %% [markdown]
# ## Searching hyper-parameters
#
# **Question.** Learning rate, batch size, decay, dropout, width: in which order, and how?
#
# The learning rate first, on a logarithmic scale; then what acts with it (batch size, schedule, decay); capacity and regularisation last, each judged on *validation* data. **Random search beats a grid** when few parameters matter: nine points of a 3×3 grid try only three
# values of the one that does.

# %%
grid = [(rate, decay) for rate in (1e-4, 1e-3, 1e-2) for decay in (0.0, 0.01, 0.1)]
random = [(10 ** rng.uniform(-4, -2), 10 ** rng.uniform(-3, -1)) for _ in range(9)]
print(
    "different learning rates tried: grid", len({r for r, _ in grid}), "random", len({r for r, _ in random})
)
print("drawn on a log scale:", " ".join(f"{r:.0e}" for r, _ in sorted(random)[::2]))

# %% [markdown]
# Stop bad runs early (successive halving: many short runs, the better half goes on twice as long). Repeat the best few with several seeds before you believe a difference; compare like with like (same splits, paired differences). The best of 50 runs is also a lucky one: its
# validation score is too good, which is why the test set is opened once, at the end.
#
# ## Looking inside and attacking
#
# **First-layer filters** act on pixels, so they can be looked at as little pictures: edges, bars, in colour networks also blobs of colour. Deeper filters act on feature maps with many channels and have no picture of their own; one shows what excites them instead
# (the strongest training patches, or *activation maximisation*: gradient ascent on the input).

# %%
filters = trained.params["conv2d/w"][:, :, 0]
print("16 filters of 3x3, values from", filters.min().round(1), "to", filters.max().round(1))
caption = "The first layer's 16 filters of the trained digit network (orange positive, blue negative): some read as edges or bars, several have no name."
titles = [str(k) for k in range(16)]
figures.show(
    figures.draw_gallery,
    list(np.moveaxis(filters, -1, 0)),
    titles,
    columns=16,
    cmaps=["signed"] * 16,
    caption=caption,
    size=(10, 1.1),
)

# %% [markdown]
# **Adversarial examples.** The gradient with respect to the *input* says how to change the picture to raise the loss. One step of size $\epsilon$ along its sign (FGSM): $x' = x + \epsilon\, \text{sign}(\nabla_x J)$. The same $\epsilon$ with random signs, for comparison:
#
# **Predict.** Changes of ±0.1 in pixels from 0 to 1: accuracy on random noise, and on the attack?

# %%
sizes = (0.0, 0.05, 0.1, 0.2)
under_attack = robustness.accuracy_under_attack(trained, unseen.x_test, unseen.y_test, sizes)
for size, (noisy_accuracy, attacked) in zip(sizes, under_attack):
    print(f"±{size:<4}: random signs {noisy_accuracy:>4.0%}, along the gradient {attacked:>4.0%}")

# %% [markdown]
# Noise hardly hurts; the same amount in the worst direction does, because many tiny changes that all push the logits the same way add up (64 pixels here, 150,000 numbers in a photograph of 224×224, where a far smaller change is enough). **Defences**: *adversarial training* (attack each batch while training; works best, costs accuracy and time), input transformations (often broken
# by attacks that know them), certified bounds such as randomised smoothing, detection. Attacks also transfer between networks.
#
# **GANs** turn the same machinery around. A *generator* makes an image from noise by transposed or upsampling convolutions; a *discriminator*, a strided convolutional classifier, tells real from made; each is trained against the other. DCGAN's rules: strides instead of pooling, batch norm in both, ReLU in the
# generator with tanh at its output, leaky ReLU in the discriminator,
# no hidden dense layers. The convolutions give both local structure and shared weights.
#
# **Transfer learning** starts from weights trained on a lot of data: the strongest cure for patient E. Chapter 10 is about it.
#
# ## Recap
#
# Five lines to remember:
#
# 1. First loss about $\ln K$; overfit one batch; then sweep the learning rate by factors. In this order.
# 2. Statistics, selections and copies come after the split. Split by group.
# 3. Batch norm: batch statistics in training, running averages in evaluation, $2C$ trained. Inverted dropout: scale in training, nothing in evaluation. Mind the mode.
# 4. Cures for overfitting: data, label-preserving augmentation, pretraining, decay, dropout, early stopping, smaller heads. One at a time, several seeds, with intervals.
# 5. AdamW for a quick start, SGD with momentum and a schedule to squeeze; decay weights, not biases.
#
# | Formula | |
# |---|---|
# | $\ln K$ | first loss of $K$ classes |
# | $1 - \epsilon + \epsilon / K$ | smoothed target |
# | $v = \mu v - \eta g$, $\theta \mathrel{+}= v$ | momentum; $1/(1-\mu)$ steps long |
# | $\hat m / (\sqrt{\hat v} + \epsilon)$, $\hat m = m / (1 - \beta_1^t)$ | Adam |
# | $w \leftarrow (1 - \eta\lambda) w$ | decoupled decay |
# | $\eta_t = \frac{\eta}{2} (1 + \cos \pi t / T)$ | cosine |
# | $\gamma (x - \mu_B) / \sqrt{\sigma_B^2 + \epsilon} + \beta$ | batch norm |
# | $x\, m / (1 - p)$ | inverted dropout |
# | $\bar d \pm t\, s / \sqrt n$ | mean of $n$ seeds, $t = 2.776$ for five |
#
# ## More drills
#
# The cards above belong to their sections. `python -m cnnkit drill` in a terminal mixes them, and asks first for what you are about to forget.
#
# ## Sources
#
# - Robbins, Monro, *A Stochastic Approximation Method* (1951); Polyak, *Some methods of speeding up the convergence of iteration methods* (1964); Sutskever and others (2013): momentum and Nesterov's form.
# - Tieleman, Hinton, *Lecture 6.5: RMSProp* (2012); Kingma, Ba, *Adam* (2015), algorithm 1; Loshchilov, Hutter, *Decoupled Weight Decay Regularization* (2019) and *SGDR* (2017), the cosine.
# - Smith, *Cyclical Learning Rates* (2017), the finder; Smith, Topin, *Super-Convergence* (2018), one cycle; Goyal and others, *Accurate, Large Minibatch SGD* (2017), warm-up and the linear rule.
# - Micikevicius and others, *Mixed Precision Training* (2018): loss scaling.
# - LeCun, Bottou, Orr, Müller, *Efficient BackProp* (1998): why inputs are normalised.
# - Ioffe, Szegedy, *Batch Normalization* (2015); Santurkar and others, *How Does Batch Normalization Help Optimization?* (2018); Ba, Kiros, Hinton, *Layer Normalization* (2016); Wu, He, *Group Normalization* (2018); Krizhevsky, Sutskever, Hinton (2012), section 3.3: local response
#   normalisation.
# - Srivastava and others, *Dropout* (2014); Huang and others, *Deep Networks with Stochastic Depth* (2016): 54 blocks, survival down to 0.5.
# - Szegedy and others, *Rethinking the Inception Architecture* (2015), section 7: label smoothing; Zhang and others, *mixup* (2018); DeVries, Taylor, *Cutout* (2017).
# - Zhang and others, *Understanding Deep Learning Requires Rethinking Generalization* (2017): random labels. Northcutt, Jiang, Chuang, *Confident Learning* (2021).
# - Hastie, Tibshirani, Friedman, *The Elements of Statistical Learning* (2009), section 7.10.2: selection before the split. Bergstra, Bengio, *Random Search for Hyper-Parameter Optimization* (2012).
# - Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2015); Radford, Metz, Chintala, *DCGAN* (2016).
# - Alpaydin, Kaynak, *Optical Recognition of Handwritten Digits* (UCI, 1998): the digits; their forms were recovered from the order of the labels.
# - The course's text: its *Common Mistakes* are patients A to E. What it leaves out stands here: dropout's scaling and modes, batch norm's parameters and running averages, label-preserving augmentation, and the 98.7 % of its model's parameters in one layer.
