# %% [markdown]
# # Chapter 00. Start here
#
# **After this chapter you can answer**
#
# 1. What is a convolutional neural network (CNN), and why not simply a fully connected one?
# 2. Which layers does a typical CNN have, in which order, and what is each for?
# 3. Where do the 1,626,442 parameters of a small Keras model come from? Which layer holds nearly all of them?
# 4. What breaks if the pixels of every image are shuffled in the same way?
# 5. Where are CNNs used, and what comes out of the network in each case?
#
# **Time** 30 minutes.
#
# **Builds on** nothing: this is where the course begins.

# %%
import numpy as np

from cnnkit import data, doctor, experiments, figures, shapes
from cnnkit.drills import progress
from cnnkit.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D
from cnnkit.network import Sequential

# %% [markdown]
# ## How to use this course
#
# Each chapter is a page to read, with things to move and questions to answer. It is made for the weeks before an
# interview: 30 to 60 minutes a chapter, then its drills, a few every day.
#
# - **Run** the cells from top to bottom: Shift+Enter. Nothing here can break your machine, and nothing is sent anywhere.
# - **Predict** before you reveal. Write your guess down; being wrong on paper is the cheapest way to learn.
# - **Play** with the widgets by mouse or keyboard: Tab reaches every control, the arrow keys move it.
# - **Drill** at the end of a section: type the answer, take hints one at a time, and rate how hard it was. The course
#   remembers, and asks again when you are about to forget.
# - **Say it aloud.** An interview is spoken. Answer first, then unfold the model answer.
#
# Four kinds of boxes recur in the chapters:
#
# > [!INTERVIEW] What is asked, and how
# > What interviewers want to hear, and the follow-up question.
#
# > [!MISTAKE] What goes wrong
# > A mistake that many people make, and how you notice it.
#
# > [!FRAMEWORKS] Same idea, other conventions
# > Where PyTorch, Keras, TensorFlow and ONNX do it differently.
#
# > [!SAY] A model answer to speak
# > Folded away, so that you can try first. Half a minute, no notes.

# %% [markdown]
# ## Is this machine ready?
#
# The next cell looks at Python, the packages, the threads and the speed of the compiled code. Each line says what to do when
# something is wrong. The same report comes from `python -m cnnkit doctor` in a terminal.

# %% tags=["nbval-ignore-output"]
print(doctor.report())

# %% [markdown]
# ## The map, and where you are
#
# The table shows the chapters, the drills of each, and which of them are due today. Set the date of your interview with
# `python -m cnnkit drill --interview-date 2026-12-24` in a terminal, and all reviews are planned towards it.

# %%
progress()

# %% [markdown]
# Read chapters 01 to 04 first: convolution, padding and stride, pooling, receptive field. Interviews begin there. Then
# backpropagation and activations (05, 06), where candidates differ most; then the famous networks (07), fast code and deployment
# (08), and training (09). Chapters 10 to 13 are being written: transfer learning, vision tasks, sequences and a mock interview. Where
# a page points to one of them, it only says where the subject will go deeper.
#
# ## Why CNNs exist
#
# **Question.** A photograph is a list of numbers. A fully connected (dense) network can take any list of numbers. Why invent
# something else?
#
# **Intuition.** In a dense layer every output looks at every pixel, through a weight of its own. In a convolutional layer an
# output looks at a small window, and all outputs of one *map* share one set of weights. Two assumptions about images stand behind it:
#
# - **locality**: what belongs together lies close together;
# - **the same pattern can be anywhere**: an edge is an edge in every corner.
#
# Six words to begin with. A **weight** is a number that the network learns; a **bias** is one more, added to a sum; both are
# **parameters**. A **filter** (or kernel) is a small grid of weights; sliding it over the image gives one **map** of numbers; one number of
# a map, or one output of a dense layer, is a **unit**. The work is counted in **multiply-adds**: one product, added to a sum.
#
# **Predict.** One layer from a 64×64×3 photograph to 62×62×32 numbers (a 3×3 window fits 62 times into 64 cells). How many parameters
# if it is dense? And as 32 filters of 3×3?

# %%
dense = shapes.count_dense_params(64 * 64 * 3, 62 * 62 * 32)
shared = shapes.count_conv_params(3, 3, 32)
costs = {"dense": dense, "convolution 3×3": shared}
caption = f"The same input and output shapes: {dense:,} parameters when dense, {shared:,} as a convolution."
figures.show(figures.draw_cost_bars, costs, unit="parameters", caption=caption, size=(8, 1.7))

# %% [markdown]
# Fewer weights need less memory and less data. But is it only a matter of size? No: the *assumption* is what helps, and there is an
# experiment that shows it. Take small images of handwritten digits. Then shuffle the pixels of every image, all with the same
# permutation. No information is lost: a dense network could learn to undo it. Only the neighbourhood is gone.

# %%
images, labels = data.digits()
shuffle = np.random.default_rng(64).permutation(64)
originals = list(images[:6])
shuffled = list(experiments.shuffle_pixels(images[:6], shuffle))

# %%
moved = (np.arange(64) != shuffle).sum()
caption = f"Six digits: above as they are, below with {moved} of their 64 pixels moved, all in the same way."
digits = originals + shuffled
figures.show(figures.draw_gallery, digits, [""] * 12, columns=6, caption=caption, size=(7, 2.5))

# %% [markdown]
# **Predict.** A dense network and a CNN with about the same number of parameters learn from 200 digits each, once in
# order and once shuffled. Four numbers: who is better in order? Who suffers from the shuffling, and who does not notice?

# %%
outcome = experiments.shuffled_pixels()
print(outcome)

# %%
scores = {
    f"pixels {order}": {name: runs[order] for name, runs in outcome.accuracy.items()}
    for order in ("original", "shuffled")
}
caption = (
    f"Each dot is one run from another random start, scored on {outcome.test_count:,} unseen digits; each line "
    "is a mean. Shuffled, the CNN falls behind the dense network, which does not notice."
)
figures.show(figures.draw_scores, scores, ylabel="accuracy", limits=(0.8, 1), caption=caption)

# %% [markdown]
# The dense network treats all pixels alike, so it cannot even tell that they were moved. The CNN bets on neighbourhoods. Where the bet is right, it
# is ahead with the same number of parameters (by little, on images as small as these); where it is wrong, it falls behind: that loss is the
# clear result. Such a built-in assumption is called an *inductive bias*.
#
# > [!INTERVIEW] Difference between a CNN and a traditional network?
# > Name three things: **local connections** (a window, not the whole image), **shared weights** (one kernel for all positions) and
# > **spatial structure kept** through the layers (a map, not a list). Then what follows from them: far fewer parameters, and a pattern
# > that is learned in one place is recognised in every place. Then the limit: where neighbourhood means nothing, as in a table of
# > customer data, there is nothing to gain.
#
# ## The layers, on a real photograph
#
# **Question.** What happens to a photograph on its way through such a network?
#
# $$\text{input} \to \text{convolution} \to \text{activation} \to \text{pooling} \to \dots \to \text{flatten} \to
# \text{fully connected} \to \text{output}$$
#
# | Layer | What it does | Chapter |
# |---|---|---|
# | convolution | small kernels look for patterns everywhere | 01, 02 |
# | activation | ReLU, for example, sets negative numbers to 0; without it, many layers are no more than one linear layer | 06 |
# | pooling | keeps the strongest or the mean of a neighbourhood, and shrinks the map | 03 |
# | flatten | turns the last maps into one list, because a dense layer takes a list | here |
# | fully connected | combines the features into scores; softmax turns them into probabilities, one for each class | here |
# | batch normalisation | keeps the numbers between layers in a steady range; absent from this small network | 09 |
# | dropout | switches units off at random while training, against overfitting | 09 |
#
# This is the small network of many tutorials, typed almost as it would be in Keras:

# %%
model = Sequential(
    [
        Conv2D(32, (3, 3), activation="relu"),
        MaxPool2D((2, 2)),
        Conv2D(64, (3, 3), activation="relu"),
        MaxPool2D((2, 2)),
        Flatten(),
        Dense(128, activation="relu"),
        Dropout(0.5),
        Dense(10, activation="softmax"),
    ],
    input_shape=(64, 64, 3),
)

# %% [markdown]
# We send a cup of coffee through it. Its weights are still random: nothing has been trained, so the scores at the end mean
# nothing yet. The cup stays recognisable all the same, because every number of a map depends on its own small window only.

# %%
photo = data.photo("coffee", size=64)
inside = model.activations(photo)
stages = [
    ("input", "input"),
    ("convolution", "conv2d"),
    ("activation", "conv2d/relu"),
    ("pooling", "max_pooling2d"),
]
stages += [("flatten", "flatten"), ("fully connected", "dense/relu"), ("output", "dense_1/softmax")]

# %%
caption = (
    "The same 4 of 32 maps in each column. ReLU sets negative values to 0; pooling halves height and width. "
    "The second convolution and pooling are left out: they leave 14×14×64, a list of 12,544 after flatten."
)
steps = [(title, inside[key]) for title, key in stages]
figures.show(figures.draw_workflow, steps, caption=caption, size=(9.5, 2.3))

# %% [markdown]
# On the way from input to output the maps shrink in height and width, and their number grows: fewer places, more kinds of features.
#
# Trained networks build a **hierarchy**: the first layer finds edges and blobs of colour, the next ones corners and textures, deeper
# ones parts (an eye, a wheel), the last ones whole objects. Nobody tells them to. Each layer sees the maps of the layer before
# and so combines simple things into less simple ones; and the deeper a unit sits, the larger the part of the photograph that it
# sees (chapter 04).
#
# ## Where the parameters live
#
# **Predict.** The network above has two convolutions and two dense layers. Which of the four holds most of the parameters?

# %%
model.summary()

# %% [markdown]
# Account for every line; interviewers ask for exactly this.
#
# | Line | Count |
# |---|---|
# | first convolution | 32 filters · (3·3·3 weights + 1 bias) = **896** |
# | second convolution | 64 filters · (3·3·32 + 1) = **18,496** |
# | pooling, flatten, dropout | nothing to learn: **0** |
# | first dense layer | 128 · (14·14·64 + 1) = 128 · 12,545 = **1,605,760** |
# | second dense layer | 10 · (128 + 1) = **1,290** |
#
# 64 became 62 (a 3×3 window fits 62 times), 31 by pooling, 29, and 14: the last row and column of 29 are dropped.

# %%
total = model.count_params()
big = shapes.count_dense_params(14 * 14 * 64, 128)
print(f"{total:,} parameters, of which {big / total:.1%} sit in one dense layer")

# %% [markdown]
# One remedy that modern networks use: average every map to one number (*global average pooling*) and classify those 64 numbers
# directly. No flatten, no wide dense layer:

# %%
slim = 896 + 18_496 + shapes.count_dense_params(64, 10)
print(f"with global average pooling: {slim:,} parameters, {total / slim:.0f} times fewer")

# %% [markdown]
# > [!MISTAKE] 'Convolutions are the heavy part'
# > Heavy in *work*, yes: they run at every position. In *parameters* the dense layers weigh most, in this network and in AlexNet and
# > VGG. Ask which of the two is meant.
#
# **Flatten** stands between the last map and the first dense layer. How many dense layers may follow? Any number, including none: with
# global average pooling the scores come straight from the maps.

# %%
names = ["first convolution", "second convolution", "first dense", "second dense"]
counts = [layer.count_params() for layer in model.layers if layer.params]
parts = dict(zip(names, counts))
caption = f"Parameters: {counts[2]:,} of {sum(counts):,} in the first dense layer."
figures.show(figures.draw_cost_bars, parts, unit="parameters", log=False, caption=caption, size=(8, 2.2))

# %% [markdown]
# The work is distributed the other way round:

# %%
work = [
    shapes.count_conv_macs(62, 3, 3, 32),
    shapes.count_conv_macs(29, 3, 32, 64),
    shapes.count_dense_macs(14 * 14 * 64, 128),
    shapes.count_dense_macs(128, 10),
]
caption = f"Multiply-adds for one photograph: {work[0] + work[1]:,} of {sum(work):,} in the convolutions."
parts = dict(zip(names, work))
figures.show(figures.draw_cost_bars, parts, unit="multiply-adds", log=False, caption=caption, size=(8, 2.2))

# %% [markdown]
# ## What they are used for
#
# The form of the output follows the task. Say both when you are asked for an application.
#
# | Application | Task | Output of the network |
# |---|---|---|
# | tumour detection, X-ray reading | classification, segmentation | probability of each finding; a class for each pixel |
# | driving: cars, people, lanes | detection, segmentation | boxes with classes and scores; a mask of the lane |
# | face recognition | embedding | a vector (an *embedding*); two faces are compared by distance |
# | satellite images | classification, segmentation | land use of a tile, or of each pixel |
# | defect inspection in a factory | classification, segmentation | good or defect, and where |
# | reading text in photographs | sequence | a string of characters |
# | speech, audio, text | classification, tagging (1-D convolution, chapter 12) | a label, or one for each step |
#
# What they share: patterns that are local and can occur anywhere on a regular grid, in one dimension (sound, text, ECG, DNA),
# two (images, spectrograms, game boards) or three (CT volumes, video).
#
# ## What goes wrong most often
#
# Five mistakes that come back in interviews and in practice; chapter 09 breaks a network with each of them, one by one.
#
# 1. Many layers and little data: the network learns the training set by heart (**overfitting**).
# 2. Inputs that were never **normalised**: training crawls or explodes.
# 3. **Kernel size and stride** chosen without asking what a unit then sees, and what is skipped.
# 4. No **regularisation**: nothing against overfitting, such as dropout, penalties on large weights, more varied training images, or
#    stopping in time.
# 5. Starting **from scratch** where a pretrained network was available (chapter 10).
#
# > [!SAY] What is a CNN?
# > A neural network for data on a grid. Its layers slide small kernels over the input, so every unit sees a small window and all positions
# > share the same weights: few parameters, and a pattern is found wherever it is. Activations make it non-linear, pooling or strides shrink
# > the maps, so deeper layers see more and combine edges into textures, parts and objects. At the end a small classifier turns the
# > last maps into scores. It is trained end to end by backpropagation, kernels included.
#
# ## Recap
#
# Five lines to remember:
#
# 1. A CNN assumes that neighbours belong together and that a pattern may be anywhere. Shuffle the pixels, and its lead is gone.
# 2. Convolution, activation, pooling, repeated; then flatten or global pooling; then the classifier.
# 3. Weight sharing makes the parameter count of a convolution independent of the image size.
# 4. In classic networks the parameters sit in the dense layers and the work in the convolutions.
# 5. The output follows the task: a class, boxes, a mask, a vector, a sequence.
#
# | Formula | |
# |---|---|
# | $C_\text{out} (K_H K_W C_\text{in} + 1)$ | parameters of a convolution |
# | $n_\text{out} (n_\text{in} + 1)$ | parameters of a dense layer |
#
# ## Sources
#
# - The course's text, *Convolutional Neural Networks: Deep Learning Interview Preparation Hub*: the small Keras model and its
#   1,626,442 parameters, the workflow, the list of applications and of common mistakes.
# - LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition* (1998): local fields, shared weights.
# - Lin, Chen, Yan, *Network In Network* (2013): global average pooling in place of dense layers.
# - Zeiler, Fergus, *Visualizing and Understanding Convolutional Networks* (2013): the hierarchy of features.
# - Alpaydin, Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository (1998), CC BY 4.0: the digits.
#
# Next: **chapter 01**, where one small window is moved everywhere.
