# %% [markdown]
# # Chapter 07. Architectures: why each one was a step
#
# **After this chapter you can answer**
#
# 1. Walk from LeNet-5 to the vision transformer: what did each network add, and which problem did that solve?
# 2. Count parameters, multiply-adds and activation memory of a network on a whiteboard. Where do they live?
# 3. Do small stacked filters always need fewer parameters? Why 1×1 convolutions?
# 4. A deeper plain network has a higher *training* error. What is that, and how do residual blocks help?
# 5. Where does batch normalisation stand in a block, and what happens to the bias?
# 6. When would you choose ResNet, EfficientNet, MobileNet or a vision transformer?
#
# **Time** 75 minutes to read and play, 60 more for the drills.
#
# **Builds on** chapters 01 to 06: convolution and its costs, padding, pooling, receptive field, gradients, activations.

# %%
import numpy as np

from cnnkit import activations, architecture_experiments, data, figures, zoo
from cnnkit.drills import drill
from cnnkit.figures import Block
from cnnkit.layers import BatchNorm, Concat, Conv2D, Dense, Flatten, GlobalAvgPool2D, MaxPool2D
from cnnkit.network import Sequential
from cnnkit.widgets import ArchitectureBrowser, DrawDigit

# %% [markdown]
# ## The pattern that stayed
#
# **Question.** You are asked to draw "a typical CNN". What do you draw, and what does each kind of layer do?
#
# **Intuition.** A picture has many pixels and little meaning in each; a class is one word. So the map gets *smaller* and its
# channels *more numerous*: from where to what.
#
# | Layer | What it does |
# |---|---|
# | convolution | finds a pattern at every place, with the same weights |
# | batch normalisation | brings each channel to mean 0 and variance 1, then scales and shifts it by two trained numbers |
# | activation (ReLU) | makes layers more than one linear map |
# | pooling, or a stride of 2 | halves the map: less work, larger field, small shifts forgotten |
# | flatten, or global average pooling | turns the last map $(H, W, C)$ into a row of numbers |
# | dense layers | weigh the features of the whole picture, one score for each class |
# | softmax | turns scores into probabilities (in the loss) |
# | dropout | in training only, against overfitting |
#
# In one line: input, then [convolution, (normalisation), ReLU] several times, now and then a halving, then flatten or global
# pooling, dense, softmax. **Flatten** stands between the two halves, because a dense layer multiplies a row of numbers. Behind it
# there may be any number of dense layers; one is usual today, LeNet and VGG have three, and fully convolutional networks none.
#
# In 25 years this pattern changed in the details, and the details are this chapter.

# %%
caption = (
    "The networks of this chapter by the year of their paper, from LeNet-5 (1998) through AlexNet (2012), VGG-16 and "
    "GoogLeNet (2014), ResNet (2015) to the Vision Transformer (2020) and ConvNeXt (2022)."
)
figures.show(figures.draw_timeline, figures.TIMELINE, caption=caption, size=(10.5, 3.6))

# %% [markdown]
# Why deep at all? Features build on features (edges, parts, objects), the receptive field grows with depth, and some functions need
# far fewer units in many layers than in one. What depth costs: gradients may vanish or explode, *degradation* (below), more work,
# memory and tuning, and overfitting where data are few.
#
# > [!SAY] Describe a typical CNN
# > An image goes through blocks of convolution, normalisation and ReLU. Every few blocks the map is halved and the channels are
# > doubled, so that place turns into meaning. At the end a global average or a flatten makes a vector, a dense layer gives a
# > score for each class, softmax makes probabilities. Convolutions find features, the dense layer weighs them.

# %% [markdown]
# ## LeNet-5, line by line
#
# **Question.** Count every parameter of LeNet-5 on a 32×32 picture. Where do they sit?
#
# **Formula.** A convolution has $F\,(K_H K_W C + 1)$ parameters: each of $F$ filters covers all $C$ input channels and has a bias.
# A dense layer has $(\text{in} + 1) \cdot \text{out}$. Pooling has none.
#
# **Predict.** Convolution 5×5 to 6 maps, average pooling, convolution 5×5 to 16 maps, average pooling, dense 120, 84, 10; no padding.
# Write down the shapes. Which layer has most of the parameters?

# %%
lenet = zoo.lenet5()
lenet.summary()

# %% [markdown]
# By hand: $6(25 + 1) = 156$. $16(25 \cdot 6 + 1) = 2{,}416$. Then $5 \cdot 5 \cdot 16 = 400$ numbers go to 120 units:
# $401 \cdot 120 = 48{,}120$, and $121 \cdot 84 = 10{,}164$, $85 \cdot 10 = 850$: together **61,706**.
#
# **The literal loop** and the list of layers agree:


# %%
def lenet_params(filters=((5, 1, 6), (5, 6, 16)), dense=((400, 120), (120, 84), (84, 10))):
    total = 0
    for kernel, channels, maps in filters:
        total += (kernel * kernel * channels + 1) * maps
    for inputs, units in dense:
        total += (inputs + 1) * units
    return total


print(lenet_params(), lenet.count_params())

# %% [markdown]
# This is LeNet-5 as everybody types it today. **The original differs**, and has 60,000 parameters:
#
# - *Subsampling* was not the plain average that the course's text names. Each map had two trained numbers, a coefficient and a bias, and a
#   squashing function behind it.
# - C3 did not read all six maps: a *table* connects each of its 16 maps with 3, 4 or 6 of them, 60 of the 96 possible connections. It
#   saved work,
#   and broke the symmetry: different maps had to learn different things.
# - The activation was $1.7159 \tanh(2z/3)$, and each output the *squared distance* between the 84 units and a fixed picture of its
#   digit, 84 pixels that nobody trained.

# %%
original = zoo.lenet5("sparse")
for cost in zoo.layer_costs(original):
    if cost.params:
        print(f"{cost.layer.kind:<12} {cost.output_shape!s:<13} {cost.params:>7,}")
print(f"{original.count_params():,}")

# %% [markdown]
# The paper also counts 340,908 *connections*: every use of a weight or a bias, with $84 \cdot 10$ of the output.

# %%
uses = 84 * 10
for cost in zoo.layer_costs(original):
    units = int(np.prod(cost.output_shape))
    # a unit of a subsampling layer has four inputs and a bias
    uses += 5 * units if cost.layer.kind == "Subsampling" else cost.macs + units if cost.params else 0
print(f"{uses:,}")

# %% [markdown]
# A real digit runs through it: 8×8 pixels, each blown up to 4×4.

# %%
images, labels = data.digits()
digit = np.kron(images[3], np.ones((4, 4), np.float32))[..., np.newaxis]
maps = original.activations(digit)
keys = {"input": "input", "C1": "scaled_tanh", "S2": "scaled_tanh_1", "C3": "scaled_tanh_2"}
rows = {name: maps[key] for name, key in keys.items()}
caption = "A 3 in the original LeNet-5 with random initial weights: six maps of 28×28, six of 14×14, and six of C3's sixteen of 10×10."
figures.show(figures.draw_channels, rows, count=6, caption=caption, size=(7, 4.6))

# %%
drill("dense-behind-flatten")

# %% [markdown]
# ## Inside a trained network
#
# **Question.** What do the layers of a *trained* network answer to one digit?
#
# **Play.** This is a LeNet for 8×8 pixels (two convolutions, one pooling, two dense layers, 40,690 parameters) with trained
# weights. Draw with the mouse, a finger or the keys, or take a bundled digit. Click any unit for its window, its arithmetic and
# its field. Switch maps off: which digit suffers? Shift the input by a pixel.

# %%
DrawDigit()

# %% [markdown]
# Its first filters are pictures themselves, since they multiply pixels: edges and blobs, as far as nine pixels can show them. A
# filter of the second layer has 16 slices, one for each map below, and no picture of its own. For deeper units one looks at the
# patches that excite them most, or climbs the gradient to a picture that does (*activation maximisation*).

# %%
trained = zoo.trained_digits()
first = trained.params["conv2d/w"][:, :, 0]
second = trained.params["conv2d_1/w"][:, :, :, 0]
caption = f"Left to right, 8 of the first layer's filters; below, 8 of the {second.shape[2]} slices of one filter of the second."
rows = {"layer 1": first, "layer 2": second}
figures.show(figures.draw_channels, rows, count=8, cmap="signed", caption=caption, size=(8, 2.4))

# %%
drill("why-filters-of-layer-one")

# %% [markdown]
# **How sure is it?** A network that is right on clean digits can be led astray on purpose. Follow the gradient of the *loss* back to
# the *pixels* (chapter 05) and move each pixel by the same small step in the direction that hurts, $x' = x + \varepsilon\,
# \mathrm{sign}(\partial L / \partial x)$: the **fast gradient sign method**.
#
# **Predict.** Pixels go from 0 to 1. At which step is the network wrong on half of these digits?

# %%
x, y = images[1400:1700, ..., np.newaxis], labels[1400:1700]
print("clean:", f"{(trained.predict(x).argmax(axis=1) == y).mean():.0%} right")
for step in (0.05, 0.1, 0.15, 0.2):
    moved = architecture_experiments.fast_gradient_sign(trained, x, y, step)
    random = np.clip(x + step * np.random.default_rng(0).choice([-1, 1], x.shape).astype(np.float32), 0, 1)
    right = [(trained.predict(picture).argmax(axis=1) == y).mean() for picture in (moved, random)]
    print(f"step {step:.2f}: {right[0]:.0%} right; the same step in random directions: {right[1]:.0%}")

# %% [markdown]
# Somewhere between 0.1 and 0.15. The random step of the same size does little: it is the *direction* that matters, in 64 pixels
# at once. Such pictures are **adversarial examples**. What helps: *adversarial training* (train on such pictures as well; costs
# accuracy on clean ones), randomised smoothing and other *certified* bounds, and detection. Blurring or compressing the input
# alone is usually broken by an attack that knows of it.

# %% [markdown]
# ## Counting: parameters, multiply-adds, memory
#
# **Question.** Three different bills are paid for a layer. Which number belongs to which?
#
# **Formula.** For a convolution with $F$ filters of $K_H \times K_W$ on $C$ channels, $g$ groups, and an output of $H' \times W'$:
#
# $$\text{parameters} = F\left(\tfrac{K_H K_W C}{g} + 1\right) \qquad \text{multiply-adds} = H' W' \cdot F \cdot \tfrac{K_H K_W C}{g}
# \qquad \text{activations} = H' W' \cdot F$$
#
# Height and width of the picture, stride and padding do **not** appear in the parameters. They do in the other two.
#
# **Predict.** 32×32×3, twenty 5×5 filters, no padding: output, parameters, multiply-adds?

# %%
conv = Conv2D(20, 5)
conv.plan((32, 32, 3))
print(conv.output_shape((32, 32, 3)), conv.count_params(), f"{conv.count_macs((32, 32, 3)):,}")

# %% [markdown]
# $28 \times 28 \times 20$; $20\,(75 + 1) = 1{,}520$; $784 \cdot 20 \cdot 75 = 1{,}176{,}000$. More of the kind, each one an
# interview question:

# %%
questions = {
    "32 filters 5×5 on depth 3": (Conv2D(32, 5), (28, 28, 3)),
    "10 filters 4×4 on 9×9×3": (Conv2D(10, 4), (9, 9, 3)),
    "3×3, 3 to 128 channels": (Conv2D(128, 3), (8, 8, 3)),
    "3×3, 64 to 128 on 56×56, no bias": (Conv2D(128, 3, padding=1, bias=False), (56, 56, 64)),
}
for text, (layer, shape) in questions.items():
    layer.plan(shape)
    output, macs = layer.output_shape(shape), layer.count_macs(shape)
    print(f"{text:<33} {output!s:<15} {layer.count_params():>7,} parameters, {macs:>12,} multiply-adds")
two = Sequential([Conv2D(10, 3), Conv2D(20, 3)], input_shape=(10, 10, 3))
print("two layers of 3×3 with 10 and 20 filters on 10×10×3:", f"{two.count_params():,}")

# %% [markdown]
# The second line has $6 \cdot 6 \cdot 10 = 360$ units ('neurons') and 490 parameters; in the last, the second layer sees 10
# channels, so $280 + 1{,}820$, whatever the picture's size.
#
# **MAC and FLOP.** A multiply-add (MAC) is a product and a sum: *two* floating-point operations. Papers write "FLOPs" for either, so a
# factor of 2 between two sources is a matter of definition, not an error. ResNet-50's "3.8 billion FLOPs" (the paper) and "4.09 GFLOPs"
# (torchvision) are both multiply-adds; they differ by where the stride sits.

# %%
for place in ("1x1", "3x3"):
    macs = zoo.resnet50(stride_in=place).count_macs()
    print(
        f"ResNet-50, stride in the {place}: {macs / 1e9:.2f} G multiply-adds = {2 * macs / 1e9:.2f} G single operations"
    )

# %% [markdown]
# (With biases there would be $H' W' F$ additions more, as a rule under one per cent.)
#
# **Activation memory.** Training keeps the outputs of all layers until the backward pass: numbers × 4 bytes × batch. It grows with the
# *batch*, parameters do not. Parameters count three or four times in training: the weight, its gradient, and one moment (momentum) or
# two (Adam).

# %%
vgg = zoo.vgg16()
numbers, weights = vgg.count_activations(), vgg.count_params()
print(
    f"one picture leaves {numbers:,} numbers = {4 * numbers / 2**20:.0f} MiB; a batch of 64: {256 * numbers / 2**30:.1f} GiB"
)
print(
    f"weights: {4 * weights / 2**20:.0f} MiB; with gradients and Adam's moments: {16 * weights / 2**30:.1f} GiB"
)

# %% [markdown]
# (Sources disagree here. CS231n's notes sum VGG-16 up to "24M" numbers, while their own list adds up to 15.2 million: our number
# and the picture's 150,528. Others count ReLU's outputs separately, or only what convolutions return: 13.5 million.)
#
# **Against a dense layer.** One neuron on 224×224×3 pixels needs 150,528 weights, a thousand of them 150 million, and nothing in
# them knows that neighbours belong together. A dense layer from $W \times H \times C$ to $W \times H \times F$ needs
# $W H F\,(W H C + 1)$ parameters; the $K \times K$ convolution $F\,(K^2 C + 1)$, for any size:

# %%
W, H, C, F, K = 32, 32, 3, 16, 3
print(f"dense {W * H * F * (W * H * C + 1):,}   convolution {F * (K * K * C + 1):,}")

# %% [markdown]
# **Now you.**

# %%
drill("flops-of-a-convolution")

# %%
drill("activation-megabytes")

# %%
drill("dense-for-a-convolution-formula")

# %% [markdown]
# ## AlexNet
#
# **Question.** What made AlexNet win in 2012, with 15.3 % top-5 error (the right class is not among the five best
# answers) where the next had 26.2 %?
#
# Not one idea: the same pattern with sixty million parameters, made trainable. **ReLU** (in their test six times faster to a given
# error than tanh), **dropout** in the dense layers, **augmentation**, **two GPUs**, and 1.2 million labelled pictures.
#
# The text says: AlexNet "scaled up this approach by using larger 11×11 filter kernels". Look at the layers:

# %%
alexnet = zoo.alexnet(towers=2)
for cost in zoo.layer_costs(alexnet):
    if cost.layer.kind == "Conv2D":
        size, stride, groups = cost.layer.kernel_size[0], cost.layer.stride[0], cost.layer.groups
        print(
            f"{size}×{size}, stride {stride}, {groups} groups -> {cost.output_shape}, {cost.macs:,} multiply-adds"
        )

# %% [markdown]
# **Only the first layer is 11×11**, with stride 4; then 5×5, then 3×3. The first layer in numbers, an old interview question:
# $55 \cdot 55 \cdot 96 = 290{,}400$ units, $11 \cdot 11 \cdot 3 = 363$ inputs each, $96 \cdot 363 = 34{,}848$ weights (and 96 biases),
# $290{,}400 \cdot 363 = 105{,}415{,}200$ connections. Most *weights* of AlexNet are in its dense layers, most *connections* in
# its convolutions.
#
# The groups are the **two towers**: each GPU held half of the maps; among the convolutions they met in the third only.
# Two AlexNets are in use:

# %%
for towers in (1, 2):
    net = zoo.alexnet(towers)
    print(
        f"{towers} tower(s): {net.input_shape}, {net.count_params():,} parameters, {net.count_macs() / 1e9:.3f} G multiply-adds"
    )

# %% [markdown]
# torchvision's is the single-tower version of 2014 with 64, 192, 384, 256, 256 maps; the paper's has 96, 256, 384, 384, 256 in two
# groups. (The paper writes 224×224, which does not give its own 55×55; with 227 it does.)
#
# **Local response normalisation** stood behind the first two layers: each value is divided by a function of the *squares of itself and
# its neighbours along the channel axis* at the same place, $b_c = a_c / (2 + 10^{-4} \sum_{c-2}^{c+2} a^2)^{0.75}$. A loud map dims its
# neighbours, so that maps specialise. It gained one to two points then, and is hardly used now: batch normalisation and better
# initialisation do more.
#
# A photograph through the one-tower version, with random weights (no large trained weights are bundled; chapter 10 loads them):

# %%
photo = data.photo("astronaut", size=224)
net = zoo.alexnet()
maps = net.activations(photo)
stages = [("photo", photo), ("conv 1", maps["conv2d/relu"]), ("pool 1", maps["max_pooling2d"])]
stages += [
    ("pool 2", maps["max_pooling2d_1"]),
    ("pool 3", maps["max_pooling2d_2"]),
    ("dense", maps["dense/relu"]),
]
caption = "A photograph in AlexNet with random weights: 224×224×3 becomes 55×55×64, then 27, 13 and 6 cells a side, then 4,096 numbers."
figures.show(figures.draw_workflow, stages, caption=caption, size=(10, 2.25))

# %%
drill("first-layer-of-alexnet")

# %% [markdown]
# ## VGG-16: small filters
#
# **Question.** Why is a stack of three 3×3 convolutions better than one 7×7?
#
# **Intuition.** It sees the same 7×7 pixels (chapter 04), with *three* activations on the way and fewer weights.
#
# **Formula.** At $C$ channels in and out, without biases: $3 \cdot 9\,C^2 = 27 C^2$ against $49 C^2$. Two 3×3 for one 5×5:
# $18 C^2$ against $25 C^2$.
#
# **Predict.** 64 channels: which two numbers? And when the first layer reads a picture's three colours?


# %%
def stack(count, kernel, before, after=64):
    shapes = [(kernel, before if layer == 0 else after, after) for layer in range(count)]
    return sum(k * k * c * f for k, c, f in shapes)


print(f"64 -> 64 channels:  three 3×3 {stack(3, 3, 64):,}   one 7×7 {stack(1, 7, 64):,}")
print(f"3 -> 64 channels:   three 3×3 {stack(3, 3, 3):,}    one 7×7 {stack(1, 7, 3):,}")

# %% [markdown]
# The text says that stacking gives "more complex feature combinations with fewer parameters". **That holds at equal channel
# counts.** On the three colours the stack has *eight times as many*, one reason why ResNet begins with one 7×7. And VGG-16 as a
# whole is more than twice as large as AlexNet:

# %%
print(
    f"AlexNet {zoo.alexnet().count_params():,}   VGG-16 {vgg.count_params():,}   ratio {vgg.count_params() / 61_100_840:.2f}"
)

# %% [markdown]
# Does the stack lose anything? Without an activation between them, two 3×3 layers *are* one 5×5, exactly (with padding, except at the
# border). But not every 5×5 is such a stack, so there is a price; the activation between them gives more in return.

# %%
rng = np.random.default_rng(0)
w1, w2 = rng.standard_normal((3, 3, 2, 4)), rng.standard_normal((3, 3, 4, 3))
both = architecture_experiments.composed_kernel(w1, w2)
patch = rng.standard_normal((9, 9, 2))
once, twice = (
    Sequential(layers, (9, 9, 2), dtype=float)
    for layers in ([Conv2D(3, 5, bias=False)], [Conv2D(4, 3, bias=False), Conv2D(3, 3, bias=False)])
)
once.layers[0].put("w", both)
for layer, w in zip(twice.layers, (w1, w2)):
    layer.put("w", w)
print(both.shape, "same result:", np.allclose(once.forward(patch), twice.forward(patch)))

# %% [markdown]
# **VGG-16**: blocks of 3×3 with padding 1, a 2×2 pool behind each block, channels 64, 128, 256, 512, 512, then dense 4096, 4096, 1000.
# Thirteen convolutions and three dense layers have weights: sixteen. (VGG-19 has three convolutions more, 144 M parameters, 19.6 G
# multiply-adds.) The whole network runs here, and a prediction needs less than 1.3 GB of memory:

# %%
maps = vgg.activations(photo)
names = ["conv2d_1/relu", *(f"max_pooling2d{ending}" for ending in ("_1", "_2", "_3", "_4"))]
stages = [("photo", photo), *((f"block {place}", maps[name]) for place, name in enumerate(names, start=1))]
print(
    f"{vgg.count_params():,} parameters, {vgg.count_macs() / 1e9:.2f} G multiply-adds, field {vgg.receptive_field().size} at the last pool"
)
caption = "VGG-16 with random weights: 224×224×64 before the first pool, then 56, 28, 14 and 7 cells a side behind the second to the fifth."
figures.show(figures.draw_workflow, stages, caption=caption, size=(10, 2.25))
del maps, stages

# %% [markdown]
# **Predict.** You feed a 32×32 picture to this network. Does it crash at the first convolution, run normally, or crash later?

# %%
small = zoo.vgg16(input_shape=(32, 32, 3))
print(
    "last map:",
    small.output_shapes[17],
    "-> the first dense layer would read",
    small.output_shapes[18][0],
    "numbers, not 25,088",
)

# %% [markdown]
# Convolutions and pools take any size. Five halvings make 32 into 1, and the *first dense layer*, whose weights count positions,
# is where a trained VGG refuses. The first convolution's activations need $7 \cdot 7 = 49$ times less memory, not 7.
#
# > [!INTERVIEW] Why is VGG rarely used today?
# > 138 million parameters (553 MB), three quarters of them in one dense layer, 15.5 G multiply-adds, no skips, no normalisation.
# > ResNet-50 is more accurate with a fifth of the parameters and a quarter of the work. VGG lives on as a feature extractor, in
# > style transfer and perceptual losses.

# %%
drill("stack-of-small-kernels")

# %%
drill("stack-behind-the-colours")

# %%
drill("vgg-on-a-small-picture")

# %% [markdown]
# ## Where parameters live, and where the work
#
# **Question.** You must make VGG-16 smaller. And AlexNet faster. Where do you begin?
#
# **Predict.** Which share of VGG-16's parameters is in its three dense layers? Which share of its multiply-adds?

# %%
nets = {"VGG-16": vgg, "AlexNet": net, "GoogLeNet": zoo.googlenet(), "ResNet-50": zoo.resnet50()}
shares = {name: zoo.cost_shares(network) for name, network in nets.items()}
for name, share in shares.items():
    dense = {quantity: values["dense"] / sum(values.values()) for quantity, values in share.items()}
    print(
        f"{name:<10} dense layers: {dense['parameters']:.1%} of the parameters, {dense['multiply-adds']:.1%} of the multiply-adds"
    )

# %%
caption = (
    "Shares by the side of the maps. VGG-16: 89 % of the parameters in dense layers, 99 % of the work in convolutions, 88 % of the "
    "activations in maps of at least 50 cells a side. ResNet-50 has its parameters in small maps."
)
figures.show(figures.draw_cost_shares, shares, caption=caption, size=(10, 7))
del vgg, net, nets

# %% [markdown]
# **Parameters live late** (in dense layers if these are large, else in the last stages), **work lives in convolutions, activations
# live early**, in the large maps. So: to shrink the
# file, change the end; to gain speed, change the convolutions; to fit a larger batch, change the beginning.
#
# The text's Keras model says the same. Nearly all of its 1,626,442 parameters sit in *one* dense layer, behind the flatten:

# %%
features = [Conv2D(32, 3, activation="relu"), MaxPool2D(2), Conv2D(64, 3, activation="relu"), MaxPool2D(2)]
model = Sequential([*features, Flatten(), Dense(128, "relu"), Dense(10, "softmax")], input_shape=(64, 64, 3))
share = model.layers[5].count_params() / model.count_params()
print(f"{model.count_params():,} parameters, {share:.1%} of them in the first dense layer")

# %%
features = [Conv2D(32, 3, activation="relu"), MaxPool2D(2), Conv2D(64, 3, activation="relu"), MaxPool2D(2)]
pooled = Sequential([*features, GlobalAvgPool2D(), Dense(10, "softmax")], input_shape=(64, 64, 3))
print(f"with global average pooling: {pooled.count_params():,} = 896 + 18,496 + 650")

# %% [markdown]
# **Global average pooling** keeps one number for each map, its mean, and one small dense layer reads those: 81 times fewer
# parameters, any picture size, less overfitting. (Network in Network introduced it in 2013; GoogLeNet and ResNet end in it.)

# %%
drill("pooling-for-flatten")

# %% [markdown]
# ## 1×1: a network in every pixel
#
# **Question.** A 1×1 convolution looks at one pixel. What is it good for?
#
# **Intuition.** One pixel, but *all its channels*: it is a dense layer applied at every place alike. It mixes channels, changes
# their number cheaply, and with an activation adds a non-linearity, without looking to the side.

# %%
pixels = rng.standard_normal((5, 6, 8)).astype(np.float32)
mix = Sequential([Conv2D(3, 1, bias=False)], input_shape=(5, 6, 8))
w = mix.params["conv2d/w"]
print("a matrix product at every pixel:", np.allclose(mix.forward(pixels), pixels @ w[0, 0], atol=1e-6))

# %% [markdown]
# **Network in Network** (2013) put *two* 1×1 layers behind each larger convolution: together a small multi-layer perceptron at
# every pixel. As 3×3 they would cost nine times the weights and mix neighbours as well, which is another design. The network ends in
# one map for each class and a global average. A step from 384 channels to 10 on 5×5 positions at the very end throws most channels
# away at once, right before the average: go down in steps, so that the layers between can choose what to keep.
#
# **The bottleneck.** The great use of 1×1 is to shrink channels *before* an expensive kernel. Take the 5×5 branch of GoogLeNet's
# module 3a, on a map of 28×28×192.
#
# **Predict.** By which factor does a 1×1 to 16 channels in front reduce the work of the 5×5 to 32?

# %%
direct = Sequential([Conv2D(32, 5, padding=2)], input_shape=(28, 28, 192))
squeezed = Sequential([Conv2D(16, 1), Conv2D(32, 5, padding=2)], input_shape=(28, 28, 192))
print(
    f"direct {direct.count_macs():,}   with 1×1 {squeezed.count_macs():,}   factor {direct.count_macs() / squeezed.count_macs():.1f}"
)

# %% [markdown]
# $784 \cdot 25 \cdot 192 \cdot 32$ against $784\,(192 \cdot 16 + 25 \cdot 16 \cdot 32)$. The price: everything must pass through
# 16 channels.

# %%
drill("squeeze-before-five")

# %% [markdown]
# ## Inception: branches side by side
#
# **Question.** 1×1, 3×3 or 5×5? GoogLeNet's answer: all of them.
#
# **Intuition.** Objects come in all sizes. An **Inception module** runs several windows on the same map and *concatenates* the
# results along the channels: height and width stay, channels add up.

# %%
blocks = {
    "naive": Block((("1×1",), ("3×3",), ("5×5",), ("3×3 pool",)), "concat"),
    "module 3a of GoogLeNet": Block(
        (("1×1, 64",), ("1×1, 96", "3×3, 128"), ("1×1, 16", "5×5, 32"), ("3×3 pool", "1×1, 32")), "concat"
    ),
}
caption = (
    "Four branches: 1×1, 3×3, 5×5 and a 3×3 max pool with stride 1. On the right, 1×1 convolutions shrink the channels before "
    "the large kernels and behind the pool: 64 + 128 + 32 + 32 = 256 channels leave it."
)
figures.show(figures.draw_blocks, blocks, caption=caption, size=(9.6, 3.4))

# %% [markdown]
# The text lists three branches and a "single output stream". There are **four, and they are concatenated, not summed**. So the
# pooling branch needs its 1×1: without it all input channels would come out again, and the maps would get thicker with every module.

# %%
module = Sequential([zoo.inception((64, 96, 128, 16, 32, 32))], input_shape=(28, 28, 192))
results = module.activations(rng.standard_normal((28, 28, 192)).astype(np.float32))
ends = {name: array.shape for name, array in results.items() if name.endswith("relu")}
print(*ends.items(), sep="\n")
print(
    "concatenated:",
    results["concat"].shape,
    f"{module.count_params():,} parameters, {module.count_macs() / 1e6:.0f} M multiply-adds",
)

# %% [markdown]
# GoogLeNet is a stem, nine such modules, a global average and one dense layer:
# **6,998,552** parameters (the layers of the paper's table with
# their biases, without the two auxiliary heads; its own column adds up to 6.8 million), a twentieth of VGG-16, for 1.58 G
# multiply-adds. Two *auxiliary classifiers* hung at inner modules in training, to bring gradients there; they are removed
# afterwards. torchvision's GoogLeNet is another one: batch normalisation, and 3×3 where the paper has 5×5.

# %%
for variant in ("paper", "torchvision"):
    net = zoo.googlenet(variant)
    print(
        f"{variant:<12} {net.count_params():,} parameters, {net.count_macs() / 1e9:.2f} G, field {net.receptive_field().size}"
    )
google = zoo.googlenet()
print("scores for the photo:", google.predict(photo).shape, "last map:", google.output_shapes[-4])

# %% [markdown]
# What came after, in one line each:
#
# - **v2** (2015): batch normalisation; 5×5 replaced by two 3×3.
# - **v3** (2015): 7×7 as 1×7 and 7×1 (*factorised*), a better halving of the map (a strided convolution and a pool side by side),
#   label smoothing, RMSProp.
# - **v4 and Inception-ResNet** (2016): the blocks made uniform; with residual connections it trains faster.
#
# **Add or concatenate?** *Adding* (ResNet) needs the same shape, costs next to nothing, and mixes for good. *Concatenating* (Inception,
# DenseNet, U-Net) needs equal height and width, keeps both maps apart, and makes the next layer larger. Adding is the special
# case of concatenating in which the next layer uses one kernel for both:

# %%
a, b = (rng.standard_normal((6, 6, 4)) for _ in range(2))
w = rng.standard_normal((4, 5))
print(np.allclose((a + b) @ w, np.concatenate([a, b], axis=-1) @ np.concatenate([w, w])))

# %%
drill("channels-of-an-inception-module")

# %%
drill("add-or-concatenate")

# %% [markdown]
# ## Degradation
#
# **Question.** If 20 layers are good, are 56 better?
#
# **Predict.** Plain networks (3×3 convolutions with batch normalisation and ReLU, no skips) with 6, 18 and 30 layers are trained
# on the same 256 digits in the same way. What happens to the error *on these training digits*?

# %%
study = architecture_experiments.degradation()
print(study)

# %%
plain, residual = (study.errors[kind].mean(axis=1) for kind in ("plain", "residual"))
caption = (
    f"Error on the training digits, means of 3 seeds. Plain: from {plain[0]:.0%} with 6 layers up to {plain[-1]:.0%} with 30. "
    f"With skips, from the same first weights: from {residual[0]:.0%} down to {residual[-1]:.0%}."
)
figures.show(figures.draw_degradation, study.depths, study.errors, caption=caption, size=(7, 3.6))

# %% [markdown]
# This is **degradation**. It is *not overfitting*: an overfitted network is good on its training pictures, this one is bad on
# them. It is not a lack of capacity either. A deeper network could *copy* the shallow one and let the rest be the identity; here
# is one that does:

# %%
shallow = Sequential(
    [Conv2D(8, 3, padding=1, activation="relu"), MaxPool2D(2), Flatten(), Dense(10)], input_shape=(8, 8, 1)
)
shallow.fit(images[:256, ..., np.newaxis], labels[:256], 5, progress=False)
deeper = architecture_experiments.with_identities(shallow, 24)
same = np.array_equal(deeper.predict(images[..., np.newaxis]), shallow.predict(images[..., np.newaxis]))
print(f"{len(shallow.layers)} and {len(deeper.layers)} layers, the same answers on all digits: {same}")

# %% [markdown]
# So a good solution *exists*, and gradient descent does not find it: a problem of **optimisation**.
#
# The text blames "vanishing gradients". Look at the gradients of the first layer before the first step:

# %%
for kind, values in study.gradients.items():
    print(
        f"{kind:<9}",
        *(f"{depth} layers: {row.min():.2f} to {row.max():.2f};" for depth, row in zip(study.depths, values)),
    )

# %% [markdown]
# They have not vanished: in the deep plain network they are *larger*. (He and others say the same of theirs: with batch
# normalisation, forward and backward signals keep healthy norms, and the 56-layer network is still worse.) Without normalisation
# gradients can vanish too, chapters 05 and 06 show that; but *degradation is more than that*.
#
# > [!MISTAKE] "Adding layers can only lower the training error"
# > In theory: the functions of the shallow network are among those of the deep one. In practice plain networks get worse beyond
# > some depth, because a solution that exists is not always found.
#
# > [!SAY] What problem do residual networks solve?
# > Degradation: beyond some depth, plain networks fit even their training data worse, although they could copy a shallower net.
# > A residual block returns x plus a correction F of x, so that doing nothing is easy: F is zero. And the gradient has an additive path
# > back, one plus F prime, through any number of blocks. That made 50 to 1000 layers trainable.

# %%
drill("degradation-or-overfitting")

# %%
drill("deeper-fits-better")

# %%
drill("explain-residual-learning")

# %% [markdown]
# ## The residual block
#
# **Question.** Draw it. Where is the plus, where is the last ReLU, and what if the shapes differ?
#
# **Formula.** Two layers with a skip: $a^{[l+2]} = g\big(W^{[l+2]} g(W^{[l+1]} a^{[l]} + b^{[l+1]}) + b^{[l+2]} + a^{[l]}\big)$.
# The input is added **before** the last activation, and nothing after it. The text's formula lacks two things: normalisation, and
# the *projection* when shapes differ:
#
# $$z = F(x) + W_s\, x, \;\; y = g(z), \;\; \frac{\partial L}{\partial x} = \frac{\partial L}{\partial z}\big(W_s + F'(x)\big),\quad W_s = I
# \text{ where shapes agree}$$

# %%
blocks = {
    "basic (18, 34)": Block((("3×3, 64", "norm, ReLU", "3×3, 64", "norm"), ()), "+", ("ReLU",)),
    "halving": Block(
        (("3×3/2, 128", "norm, ReLU", "3×3, 128", "norm"), ("1×1/2, 128", "norm")), "+", ("ReLU",)
    ),
    "bottleneck (50+)": Block(
        (("1×1, 64", "norm, ReLU", "3×3, 64", "norm, ReLU", "1×1, 256", "norm"), ()), "+", ("ReLU",)
    ),
    "pre-activation": Block((("norm, ReLU", "3×3, 64", "norm, ReLU", "3×3, 64"), ()), "+"),
}
caption = (
    "Four residual blocks: basic, halving with a strided 1×1 on the shortcut, bottleneck, and pre-activation, where "
    "nothing stands behind the plus. '/2' is a stride of 2."
)
figures.show(figures.draw_blocks, blocks, caption=caption, size=(9.6, 4.8))

# %% [markdown]
# **The literal code** of a block is one line:


# %%
def residual_block(x, f, shortcut=lambda x: x):
    return activations.relu(f(x) + shortcut(x))


half = zoo.basic_block(128, stride=2, projection=True)
network = Sequential([half], input_shape=(56, 56, 64))
print(
    network.output_shapes,
    f"{network.count_params():,} parameters, {64 * 128 + 2 * 128:,} of them in the projection",
)

# %% [markdown]
# **When the map is halved or channels change**, x does not fit. Three ways: a strided 1×1 convolution (*projection*, the usual
# one), zeros for the missing channels with a strided copy (no parameters), or an average pool and then a 1×1, which throws no
# pixels away. Elsewhere the **identity** is the choice: it costs nothing, lets signals through untouched, and projections
# everywhere gained next to nothing in the paper.
#
# **Bottleneck.** ResNet-50 and above squeeze with 1×1, work with 3×3, and expand with 1×1. At 16×16 with an identity skip:

# %%
basic = Sequential([zoo.basic_block(32)], input_shape=(16, 16, 32))
narrow = Sequential([zoo.bottleneck_block(32)], input_shape=(16, 16, 128))
for name, block in {"basic, 32 channels": basic, "bottleneck, 128 channels": narrow}.items():
    weights = sum(cost.params for cost in zoo.layer_costs(block) if cost.layer.kind == "Conv2D")
    print(f"{name:<25} {weights:,} weights, {block.count_macs():,} multiply-adds")

# %% [markdown]
# $2 \cdot 9 \cdot 32^2 = 18{,}432$ against $128 \cdot 32 + 9 \cdot 32^2 + 32 \cdot 128 = 17{,}408$: about the same cost, four
# times the channels.
#
# **The stem.** ResNet starts with a plain 7×7 of stride 2 and a max pool, not with residual blocks. At full resolution everything
# is expensive, so the first layers should shrink the map quickly; from 3 channels a 7×7 costs only 9,408 weights and sees a lot
# at once; and an identity skip from 3 to 64 channels makes no sense. (Later variants take three 3×3 in its place.)

# %%
counts = {"ResNet-18": zoo.resnet18(), "ResNet-34": zoo.resnet34(), "ResNet-50": zoo.resnet50()}
for name, net in counts.items():
    field = net.receptive_field()
    print(
        f"{name}: {net.count_params():,} parameters, {net.count_macs() / 1e9:.2f} G multiply-adds, field {field.size}, stride {field.jump}"
    )

# %% [markdown]
# > [!FRAMEWORKS] One name, several networks
# > torchvision's ResNet-50 halves in the 3×3 (sometimes called v1.5), the paper's in the first 1×1, as does Keras' `ResNet50`,
# > which also keeps a bias in each convolution: its summary says 25,636,712, that is 25,557,032, plus 26,560 biases, plus 53,120
# > running means and variances, which Keras counts in its total (as non-trainable) and papers do
# > not. torchvision's AlexNet and GoogLeNet differ
# > from their papers too. Always ask: *which* one?
#
# (ResNet-34's 899 is no misprint: its field is far larger than the picture. With the stride in the first 1×1 of a stage ResNet-50
# has 483.) The name counts layers with weights on the main path: $1 + 2 \cdot (2 + 2 + 2 + 2) + 1 = 18$ and
# $1 + 3 \cdot (3 + 4 + 6 + 3) + 1 = 50$. It runs at full size:

# %%
resnet = counts["ResNet-50"]
cat = data.photo("chelsea", size=224)
maps = resnet.activations(cat)
stages = [("photo", cat), ("stem", maps["max_pooling2d"])]
for stage, last in enumerate((2, 6, 12, 15), start=1):
    stages.append((f"stage {stage}", maps[f"residual_{last}/relu"]))
caption = "A photograph in ResNet-50 with random weights: 56×56×64 behind the stem, then 256, 512, 1,024 and 2,048 channels on 56, 28, 14 and 7 cells."
figures.show(figures.draw_workflow, stages, caption=caption, size=(10, 2.25))
del maps, stages, counts

# %% [markdown]
# **Now you.**

# %%
drill("residual-formula")

# %%
drill("weights-of-a-residual-bottleneck")

# %%
drill("bug-residual-block")

# %% [markdown]
# ## Normalisation inside the block
#
# **Question.** Convolution, normalisation, ReLU: in this order? And which numbers does batch normalisation keep?
#
# **Before the activation**, said the original paper: the pre-activations are closer to a bell, and beta decides how much ReLU
# cuts off. Normalising **after** it works as well in practice, and treats what the next layer really reads. **Pre-activation** blocks
# (ResNet v2) put *norm, ReLU* before the convolution, so that the skip path stays clean from end to end, which helps beyond a
# hundred layers. Choose one and stay with it.
#
# **Shapes.** For dense outputs $N \times C$ the statistics are $C$ means and variances over the batch; for maps
# $N \times H \times W \times C$ also $C$, over batch *and* positions. So $2C$ trained numbers (gamma, beta) and $2C$ running ones
# that are kept but not trained.

# %%
norm = BatchNorm()
norm.plan((28, 28, 64))
print(norm.count_params(), "trained and", norm.count_state(), "kept for 64 channels, whatever the map's size")

# %% [markdown]
# **The bias goes.** Normalisation subtracts the mean of $z + b$, which is the mean of $z$, plus $b$: the bias cancels, and its
# gradient is zero. Beta takes over. That is why ResNet's convolutions have none (26,560 numbers saved in ResNet-50).

# %%
z = rng.standard_normal((32, 5, 5, 3))
norm = BatchNorm()
norm.build((5, 5, 3), rng, np.float64)
gap = np.abs(
    norm.forward(z, training=True) - norm.forward(z + np.array([10.0, -3.0, 0.5]), training=True)
).max()
print("a bias before batch norm changes the result by less than 1e-12:", bool(gap < 1e-12))

# %% [markdown]
# > [!FRAMEWORKS] Two momenta
# > Keras: running = momentum · running + (1 − momentum) · batch, with 0.99. PyTorch's `momentum` of 0.1 is the *other* factor, so
# > 0.9 in Keras' sense. PyTorch divides the running variance by the count less one, Keras by the count. And `eps` differs: 1e-5
# > in PyTorch, 1e-3 in Keras.
#
# **Other normalisations** differ in *what they average over*. **Group normalisation** splits the $C$ channels of *one* picture
# into $G$ groups and takes mean and variance over the group's channels and all positions; gamma and beta are $C$ each. $G = 1$ is
# layer normalisation (the form for maps), $G = C$ instance normalisation. None of them looks at other pictures, so batch size
# does not matter and training equals inference.


# %%
def group_norm(x, groups, eps=1e-5):
    N, H, W, C = x.shape
    parts = x.reshape(N, H, W, groups, C // groups)
    mean = parts.mean(axis=(1, 2, 4), keepdims=True)
    variance = parts.var(axis=(1, 2, 4), keepdims=True)
    return ((parts - mean) / np.sqrt(variance + eps)).reshape(x.shape)


x4 = rng.standard_normal((2, 6, 6, 8)) * 3 + 1
layer_norm = (x4 - x4.mean(axis=(1, 2, 3), keepdims=True)) / np.sqrt(
    x4.var(axis=(1, 2, 3), keepdims=True) + 1e-5
)
instance = (x4 - x4.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x4.var(axis=(1, 2), keepdims=True) + 1e-5)
print(
    "G = 1 is layer norm:",
    np.allclose(group_norm(x4, 1), layer_norm),
    "  G = C is instance norm:",
    np.allclose(group_norm(x4, 8), instance),
)

# %% [markdown]
# | | mean and variance over | depends on the batch | used in |
# |---|---|---|---|
# | batch norm | batch and positions, for each channel | yes; running values at inference | most CNNs |
# | layer norm | all features of one example (in transformers: of one token; in ConvNeXt: of one position) | no | transformers, ConvNeXt |
# | group norm | positions and a group of channels of one picture | no | detection, small batches |
# | instance norm | positions of one channel of one picture | no | style transfer |
# | local response | neighbouring channels at one position, squares only | no | AlexNet |

# %%
drill("numbers-of-a-batch-norm")

# %%
drill("bias-before-batch-norm")

# %% [markdown]
# ## Vision transformer
#
# **Question.** Can one do without convolutions?
#
# **Intuition.** Cut the picture into patches, treat each as a word, and let every word look at every other one.
#
# **The recipe** (ViT-B/16): 224×224 pixels are $14 \times 14 = 196$ **patches** of 16×16. Each becomes a **token** of 768
# numbers, by one matrix for all (the same as a 16×16 convolution with stride 16). A learned **class token** is put in front: 197.
# A learned **position** is added to each. Twelve **encoder blocks** follow: $x + \text{attention}(\text{norm}(x))$, then
# $x + \text{mlp}(\text{norm}(x))$. The class token goes to a dense layer.
#
# The *mlp* is two dense layers for each token, 768 → 3,072 → 768, with GELU between them.
#
# **Attention** for one *head*: $q, k, v$ are $x$ times three trained matrices, each with $d$ features a token, and
#
# $$\text{attention}(x) = \text{softmax}\!\left(\frac{q\,k^T}{\sqrt{d}}\right) v$$
#
# Row $t$ of the softmax says where token $t$ looks: the weights of a mean over all tokens, chosen *by the input*, where a
# convolution has the same weights for every input. ViT-B/16 has 12 heads of $d = 64$ side by side; their results are concatenated
# and go through a fourth matrix.

# %%
vit = zoo.vit_b16()
print(
    f"{vit.count_params():,} parameters, {vit.count_macs() / 1e9:.2f} G multiply-adds; tokens {vit.output_shapes[2]}"
)
scores = vit.predict(photo)
first = next(layer for layer in vit.walk() if layer.kind == "MultiHeadAttention")
print(
    "attention of block 1:",
    first.weights[0].shape,
    "rows sum to 1:",
    np.allclose(first.weights.sum(axis=-1), 1, atol=1e-4),
)

# %% [markdown]
# **Order.** Without positions, attention does not know one order of the patches from another: shuffle the tokens, and the answers
# are shuffled, nothing else. A CNN would be lost.

# %%
tokens = rng.standard_normal((1, 197, 768)).astype(np.float32)
order = rng.permutation(197)
print(
    "shuffled in, shuffled out:",
    np.allclose(first.forward(tokens)[:, order], first.forward(tokens[:, order]), atol=1e-4),
)
del vit, first

# %% [markdown]
# **Cost.** With $T$ tokens of $D$ features: $4 T D^2$ for the four matrices and $2 T^2 D$ for scores and means. Twice the side of
# the picture is four times the tokens: the first part grows by 4, the second by 16. A convolution grows by 4.
#
# **Predict.** At which side does the quadratic part pass the matrices' part in a ViT-B/16 block's attention?

# %%
for side in (224, 448, 896, 1792):
    T = (side // 16) ** 2 + 1
    print(
        f"{side:>4} pixels: {T:>6,} tokens, matrices {4 * T * 768**2 / 1e9:6.2f} G, scores and means {2 * T * T * 768 / 1e9:7.2f} G"
    )

# %% [markdown]
# When $2 T^2 D > 4 T D^2$, so beyond $T = 2 D = 1{,}536$ tokens: from a side of 640 pixels, with $40 \cdot 40 + 1 = 1{,}601$ tokens.
#
# | | CNN | vision transformer |
# |---|---|---|
# | built in (*inductive bias*) | neighbours belong together; the same pattern anywhere | hardly anything: patches |
# | sees the whole picture | after many layers | from the first block |
# | weights of the mixing | fixed after training | computed from the input |
# | data | learns from thousands of pictures | in the paper behind CNNs with ImageNet's 1.3 million, ahead with 300 million; or strong augmentation |
# | work in the number of pixels | linear | quadratic in tokens |
# | another picture size | runs as it is (with global pooling) | positions must be interpolated |
#
# What a CNN knows from the start, a transformer must learn from data. Between the two lie recipes of training, and hybrids. Swin
# transformers attend within windows (locality is back), and ConvNeXt shows that a CNN with the same training keeps up.

# %%
drill("tokens-of-a-picture")

# %%
drill("attention-work")

# %%
drill("explain-transformer-against-cnn")

# %% [markdown]
# ## Lighter and wider: the rest of the canon
#
# **Question.** Which other names should mean something to you?
#
# **Depthwise separable** convolutions split a 3×3 convolution into a 3×3 for each channel alone and a 1×1 that mixes (chapter
# 01). 64 to 128 channels on 56×56:

# %%
full = Sequential([Conv2D(128, 3, padding=1, bias=False)], input_shape=(56, 56, 64))
separable = Sequential(
    [Conv2D(64, 3, padding=1, groups=64, bias=False), Conv2D(128, 1, bias=False)], input_shape=(56, 56, 64)
)
for name, net in {"full": full, "separable": separable}.items():
    print(f"{name:<10} {net.count_params():>7,} weights, {net.count_macs():>12,} multiply-adds")
print("factor", f"{full.count_macs() / separable.count_macs():.1f}")

# %% [markdown]
# With biases, from 3 to 128 channels: 3,584 against $30 + 512 = 542$, about 15 %.
#
# - **MobileNet v1** (2017): only these behind the first layer. 4.2 M parameters, 0.57 G multiply-adds; two knobs, width and resolution.
# - **MobileNet v2** (2018): the **inverted residual**. A bottleneck is wide, narrow, wide; this is narrow, *wide*, narrow: 1×1 up
#   (six times), depthwise 3×3, 1×1 down *without* activation (a linear bottleneck: ReLU would lose information in few channels),
#   skip between the narrow ends.
# - **Xception** (2016): "extreme Inception", one branch for each channel, which is the depthwise separable convolution.
# - **SqueezeNet** (2016): AlexNet's accuracy with 1.2 M parameters, by *fire modules*: squeeze with 1×1, expand with 1×1 and 3×3
#   side by side.
# - **ShuffleNet** (2017): even the 1×1 is grouped. Then groups would never exchange anything, so a **channel shuffle** mixes
#   them, without any arithmetic:


# %%
def shuffle(x, groups):
    N, H, W, C = x.shape
    return x.reshape(N, H, W, groups, C // groups).swapaxes(3, 4).reshape(N, H, W, C)


print(
    "two groups a b c | d e f become",
    "".join(shuffle(np.array(list("abcdef")).reshape(1, 1, 1, 6), 2).ravel()),
)

# %% [markdown]
# - **ResNeXt** (2016): the bottleneck's 3×3 in 32 groups (*cardinality* 32, written 32×4d). Same as 32 small paths that are
#   summed; at equal cost more accurate than going wider or deeper.
# - **SENet** (2017): *squeeze and excitation* weighs the channels: the mean of each (squeeze), through two small dense layers
#   with ReLU and sigmoid (excite), scales it. Ten per cent more parameters in ResNet-50, hardly more work, and it can be put behind any
#   block. The inner width is $C / r$, $r = 16$ as a rule:


# %%
def squeeze_and_excite(x, w1, w2):
    s = x.mean(axis=(1, 2))
    gate = activations.sigmoid(activations.relu(s @ w1) @ w2)
    return x * gate[:, np.newaxis, np.newaxis, :]


gated = squeeze_and_excite(x4, rng.standard_normal((8, 2)), rng.standard_normal((2, 8)))
print(gated.shape, "scaled by one number a channel:", np.allclose((gated / x4).std(axis=(1, 2)), 0))

# %% [markdown]
# - **DenseNet** (2016): each layer reads *all* earlier maps of its block, concatenated, and adds a few (the *growth rate*).
#   Features are used again, gradients reach everywhere, few parameters (8 M in DenseNet-121); the memory for all those maps is
#   the price.

# %%
layers = [Concat([[], [Conv2D(12, 3, padding=1, activation="relu")]]) for _ in range(4)]
dense_block = Sequential(layers, input_shape=(28, 28, 24))
print("channels:", 24, *(shape[2] for shape in dense_block.output_shapes))

# %% [markdown]
# - **EfficientNet** (2019): *compound scaling*. Deeper, wider and more pixels **together**, since any one of them alone soon gains
#   little: depth $\alpha^\phi$, width
#   $\beta^\phi$, resolution $\gamma^\phi$ with $\alpha \beta^2 \gamma^2 \approx 2$, so that each step of $\phi$ doubles the work
#   (work is linear in depth, quadratic in width and side). The small base network B0 was found by a search; its blocks are
#   MobileNet v2's with squeeze and excitation.

# %%
alpha, beta, gamma = 1.2, 1.1, 1.15
print(
    f"one step multiplies the work by {alpha * beta**2 * gamma**2:.2f}, three by {(alpha * beta**2 * gamma**2) ** 3:.1f}"
)

# %% [markdown]
# - **ConvNeXt** (2022): a ResNet with what transformers taught: patches as a stem (4×4, stride 4), 7×7 *depthwise*, an inverted
#   bottleneck with one GELU, layer norm, fewer activations, the modern training recipe. Depthwise mixes places, 1×1 mixes
#   channels: the division of labour of attention and mlp.
# - **GANs** use the pattern both ways. A *generator* goes from noise to an image by transposed (or upsampling) convolutions, with
#   tanh at the end; a *discriminator* is a CNN that says real or made. DCGAN's rules: strides instead of pooling, batch norm in
#   both, ReLU in the generator and leaky ReLU in the discriminator, no dense layers inside.
# - Also named: *Highway networks* (skips with a learned gate, just before ResNet), *NASNet* (found by search), *RegNet* (a rule
#   for the widths, found by comparing many networks),
#   *U-Net* (chapter 11), *stochastic depth* (chapter 09).

# %%
drill("inverted-residual-weights")

# %%
drill("squeeze-and-excite-code")

# %%
drill("channel-shuffle-code")

# %% [markdown]
# ## Choosing a network
#
# **Question.** You may take one off the shelf. Which?
#
# The numbers of torchvision's documentation for its first ImageNet weights: top-1 accuracy on 50,000 validation pictures,
# millions of parameters, G multiply-adds. (Trained with today's recipes the same networks gain four points and more: ResNet-50
# has 80.9 % in its second version. Compare recipes before you compare architectures. ViT-B/16, EfficientNet-B0 and ConvNeXt-T
# were trained with more recent recipes.)

# %%
published = {
    "AlexNet": (61.1, 0.71, 56.5), "VGG-16": (138.4, 15.47, 71.6), "GoogLeNet": (6.6, 1.50, 69.8),
    "ResNet-18": (11.7, 1.81, 69.8), "ResNet-34": (21.8, 3.66, 73.3), "ResNet-50": (25.6, 4.09, 76.1),
    "SqueezeNet": (1.2, 0.82, 58.1), "DenseNet-121": (8.0, 2.83, 74.4), "MobileNet v2": (3.5, 0.30, 71.9),
    "ResNeXt-50": (25.0, 4.23, 77.6), "EfficientNet-B0": (5.3, 0.39, 77.7), "ConvNeXt-T": (28.6, 4.46, 82.5),
    "ViT-B/16": (86.6, 17.56, 81.1),
}  # fmt: skip
caption = "Accuracy over multiply-adds, the area of a dot is its parameters. VGG-16 has the largest dot and needs 50 times MobileNet v2's work for the same accuracy."
offsets = {
    "ResNet-50": (10, -4),
    "DenseNet-121": (-74, -3),
    "GoogLeNet": (-20, -14),
    "ViT-B/16": (-45, 15),
    "VGG-16": (-18, 20),
}
offsets |= {"AlexNet": (14, -3), "ResNeXt-50": (9, 3)}
figures.show(figures.draw_landscape, published, offsets=offsets, caption=caption, size=(9, 4.6))

# %% [markdown]
# - **ResNet-50**: the default. Robust, fast on every device, pretrained weights everywhere, the backbone of most detectors.
#   **ResNet-18/34** (basic blocks) for quick trials and small data; **101/152** (bottlenecks) for one or two points more (44.5
#   and 60.2 M parameters, 7.8 and 11.5 G).
# - **EfficientNet**: the best accuracy per multiply-add. But depthwise layers move much data for little arithmetic, so *time*
#   per multiply-add is worse.
# - **MobileNet, ShuffleNet**: when latency, memory or battery decide; quantise them as well (chapter 08).
# - **VGG**: as a feature extractor, hardly otherwise. **ViT, ConvNeXt**: much data or good pretraining, large budget.
#
# Ask in this order: what does the *device* allow (time, memory), how much *data* is there, are *pretrained weights* at hand, and
# then accuracy. **Measure time, do not trust multiply-adds.**
#
# **Play.** Every network of this chapter, layer by layer: shapes, parameters, multiply-adds, memory. Change the picture's size or
# the width, open a block, put two networks side by side, and see what grows.

# %%
ArchitectureBrowser()

# %%
drill("explain-choosing-a-network")

# %% [markdown]
# ## Recap
#
# Five lines to remember:
#
# 1. Maps get smaller, channels more. Parameters live late (dense layers, last stages), work in the convolutions, activations early.
# 2. 61,706 LeNet-5; 61.1 M AlexNet; 138.4 M VGG-16, 15.5 G; 7.0 M GoogLeNet; 11.7, 21.8, 25.6 M ResNet-18, -34, -50, 4.1 G; 86.6
#   M ViT-B/16, 17.6 G.
# 3. Three 3×3 have 27 C² weights, one 7×7 has 49 C²; at equal channels only. A 1×1 in front of a 5×5 made it 9.7 times cheaper.
# 4. Degradation is a higher *training* error of deeper plain nets. y = ReLU(F(x) + x), with a strided 1×1 on the skip where
#   shapes differ.
# 5. Inception concatenates four branches, ResNet adds, DenseNet concatenates everything, ViT lets every patch look at all.
#
# | Formula | |
# |---|---|
# | $F\,(K_H K_W C / g + 1)$ | parameters of a convolution |
# | $H' W' F \cdot K_H K_W C / g$, twice that in FLOPs | its multiply-adds |
# | $(\text{in} + 1) \cdot \text{out}$ | parameters of a dense layer |
# | $27 C^2 : 49 C^2$, $\;18 C^2 : 25 C^2$ | stacks of 3×3 against 7×7 and 5×5 |
# | $2 C^2 / r + 9 C^2 / r^2$ | weights of a bottleneck on $C$ channels |
# | $1/F + 1/K^2$ | depthwise separable, its share of the full work |
# | $\partial L / \partial x = \partial L / \partial z\,(1 + F'(x))$ | gradient through an identity skip, $z = F(x) + x$ |
# | $4 T D^2 + 2 T^2 D$ | multiply-adds of attention |
# | $\alpha \beta^2 \gamma^2 \approx 2$ | compound scaling |

# %% [markdown]
# ## More drills
#
# **By hand.**

# %%
drill("cardinality-weights")

# %% [markdown]
# **Type the formula.** It is checked at random points; any equivalent form is right.

# %%
drill("densenet-channels-formula")

# %%
drill("residual-channels-formula")

# %% [markdown]
# **Say it aloud,** then compare with the points of a good answer.

# %%
drill("explain-inception-module")

# %%
drill("explain-vgg")

# %% [markdown]
# ## Sources
#
# - LeCun, Bottou, Bengio, Haffner, *Gradient-Based Learning Applied to Document Recognition* (1998), section II and table I:
#   60,000 parameters, 340,908 connections.
# - Krizhevsky, Sutskever, Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* (2012), and Krizhevsky, *One
#   weird trick for parallelizing convolutional neural networks* (2014): AlexNet with two towers and with one.
# - Lin, Chen, Yan, *Network In Network* (2013): 1×1 and global average pooling.
# - Simonyan, Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition* (2014): VGG-16, 138 M.
# - Szegedy and others, *Going Deeper with Convolutions* (2014); *Rethinking the Inception Architecture* (2015); *Inception-v4,
#   Inception-ResNet* (2016).
# - He, Zhang, Ren, Sun, *Deep Residual Learning for Image Recognition* (2015), section 4.1 (degradation, gradients) and table 1;
#   *Identity Mappings in Deep Residual Networks* (2016): pre-activation.
# - Ioffe, Szegedy, *Batch Normalization* (2015); Wu, He, *Group Normalization* (2018).
# - Dosovitskiy and others, *An Image is Worth 16x16 Words* (2020): ViT-B/16, and how much data it needs; Vaswani and others,
#   *Attention Is All You Need* (2017).
# - Iandola and others, *SqueezeNet* (2016); Chollet, *Xception* (2016); Xie and others, *ResNeXt* (2016); Huang and others,
#   *DenseNet* (2016); Howard and others, *MobileNets* (2017); Hu and others, *Squeeze-and-Excitation Networks* (2017); Zhang and
#   others, *ShuffleNet* (2017); Sandler and others, *MobileNetV2* (2018); Tan, Le, *EfficientNet* (2019), section 3.3 for 1.2,
#   1.1, 1.15; Liu and others, *A ConvNet for the 2020s* (2022).
# - Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (2014); Radford, Metz, Chintala, *DCGAN* (2015).
# - torchvision's documentation of its models: parameters, multiply-adds ("GFLOPS") and top-1 accuracies as quoted.
# - The course's text, *Deep Dive Section 5*: six statements that this chapter makes precise.
