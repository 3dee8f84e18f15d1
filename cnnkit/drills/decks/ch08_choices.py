"""Chapter 08: options to choose from."""

from cnnkit.drills.kinds import Choice, ChoiceDrill

INSIDE = "What goes wrong inside it"

DECK = [
    ChoiceDrill(
        id="nan-through-java-relu",
        title="A NaN enters",
        section=INSIDE,
        difficulty=1,
        minutes=1,
        prompt="""One pixel of the input is NaN. The engine computes
`output = preActivation > 0.0 ? preActivation : 0.0`. What stands in the outputs that read this pixel?""",
        choices=(
            Choice(
                "0, as if nothing had happened",
                "Every comparison with NaN is false, so the other branch answers. A broken input looks "
                "like a quiet neuron.",
                correct=True,
            ),
            Choice(
                "NaN, as IEEE arithmetic carries it on",
                "The sum is NaN, but the comparison turns it into 0. `Math.max` would have kept it.",
                name="nan-carried-on",
            ),
            Choice(
                "an exception in the worker, rethrown by `get()`",
                "Floating-point arithmetic in Java never throws.",
                name="floats-throw",
            ),
            Choice(
                "the sum without that pixel",
                "Nothing leaves it out: NaN plus anything is NaN.",
                name="skipped",
            ),
        ),
        hints=("What is `NaN > 0.0`?",),
        solution="""`NaN > 0.0` is false, and the ReLU returns 0. cnnkit's `relu` keeps NaN, so that a fault
stays visible where it arises.""",
    ),
    ChoiceDrill(
        id="lowest-double",
        title="The start of a maximum",
        section=INSIDE,
        difficulty=2,
        minutes=2,
        prompt="""The engine starts each pooling window at `-Double.MAX_VALUE` and keeps what is larger. For
which windows is the result wrong? (Several are right.)""",
        choices=(
            Choice(
                "all cells are NaN",
                "No comparison is true, so -1.797e308 stays.",
                correct=True,
            ),
            Choice(
                "all cells are minus infinity",
                "Minus infinity is *below* the start, so the start stays.",
                correct=True,
            ),
            Choice(
                "one cell is NaN, the others are numbers",
                "The NaN loses every comparison and vanishes; by IEEE's rule for maximum it should win.",
                correct=True,
            ),
            Choice(
                "all cells are negative",
                "Any finite negative number is larger than the start. A start of 0 would fail here.",
                name="negative-window",
            ),
        ),
        hints=("Which values are not larger than the start?", "Which comparisons with NaN are true?"),
        solution="""Start with minus infinity, or with the first cell, and let NaN win on purpose. Then a
window of any content gives the right answer.""",
    ),
    ChoiceDrill(
        id="swallowed-interrupt",
        title="A request is cancelled",
        section=INSIDE,
        difficulty=3,
        minutes=2,
        prompt="""A caller's thread is interrupted while it waits in `task.get()`. The engine catches
`Exception` and throws a `RuntimeException`. What is wrong with that? (Several are right.)""",
        choices=(
            Choice(
                "The thread's interrupt flag is lost.",
                "InterruptedException clears it; whoever catches it should set it again.",
                correct=True,
            ),
            Choice(
                "The other tasks go on computing a result that nobody wants.",
                "Nobody calls `cancel` on them.",
                correct=True,
            ),
            Choice(
                "The pool is shut down.",
                "It is not; it lives on, and without `shutdownEngine` its threads keep the JVM alive.",
                name="pool-shut",
            ),
            Choice(
                "The half-filled output is returned.",
                "The exception leaves the method before its return.",
                name="half-result",
            ),
        ),
        hints=("What does Java do with the flag when it throws InterruptedException?",),
        solution="""Set the flag again (`Thread.currentThread().interrupt()`), cancel the siblings, and let
the caller see a cancellation as one. In Python the same care is due to KeyboardInterrupt.""",
    ),
    ChoiceDrill(
        id="batch-one-dense",
        title="One image, eight cores",
        section="Threads, chunks and Amdahl's law",
        difficulty=1,
        minutes=1,
        prompt="""The engine's dense layer gives each core a share of the *batch*. A single image arrives, on
eight cores. What helps?""",
        choices=(
            Choice(
                "share out the output neurons instead",
                "They are independent of each other, and there are many of them even for one image.",
                correct=True,
            ),
            Choice(
                "more threads than cores",
                "There is one row of work; seven of eight threads have nothing to do already.",
                name="more-threads",
            ),
            Choice(
                "share out the inputs of each neuron",
                "Then threads add into the same sums: partial sums and a merge for every neuron, and a "
                "result that depends on the cut.",
                name="split-the-sum",
            ),
            Choice(
                "nothing: one image is serial by nature",
                "Thousands of output neurons are computed independently.",
                name="serial-by-nature",
            ),
        ),
        hints=("What else is independent, besides the examples?",),
        solution="""Cut where there is independent work: over neurons (or blocks of them) for one image, over
examples for many. At batch 1 a dense layer is limited by reading its weights once, so both cores' paths to
memory should work.""",
    ),
    ChoiceDrill(
        id="which-loop-races",
        title="Which loop races?",
        section="A race, and how to mend it",
        difficulty=2,
        minutes=2,
        prompt="""`prange` shares the iterations of the outer loop `i` out over threads. Which of these bodies
have a race? (Several are right.)""",
        choices=(
            Choice(
                "`y[i // 2] += x[i]`",
                "Iterations 2j and 2j + 1 update the same cell, perhaps from two threads.",
                correct=True,
            ),
            Choice(
                "`counts[labels[i]] += 1`",
                "Any two examples with one label update the same counter.",
                correct=True,
            ),
            Choice(
                "`buffer[:] = x[i]; y[i] = buffer.sum()`, with one `buffer` made before the loop",
                "All iterations share the buffer and overwrite each other's rows.",
                correct=True,
            ),
            Choice(
                "`y[i] = x[i] + x[i + 1]`, where y is a new array",
                "Every iteration writes a cell of its own; reading neighbours is harmless.",
                name="reading-neighbours",
            ),
            Choice(
                "`for k in range(K): y[i] += w[i, k]`",
                "Only iteration i touches y[i], and one thread runs all of it.",
                name="own-cell",
            ),
        ),
        hints=("Can two different i write to the same memory?",),
        solution="""A race needs two iterations, one place in memory, and at least one write. Give each
iteration its own output, or each thread its own partial result, merged afterwards.""",
    ),
    ChoiceDrill(
        id="false-sharing",
        title="Four counters, one line",
        section="Memory: layouts and caches",
        difficulty=2,
        minutes=1,
        prompt="""Four threads each count in a cell of their own of one array of four int64. There is no race;
yet four threads are slower than one. Why?""",
        choices=(
            Choice(
                "The four cells lie in one cache line, and the line travels from core to core on every "
                "write.",
                "A core must own a whole line, usually 64 bytes, to write into it.",
                correct=True,
            ),
            Choice(
                "Python's global interpreter lock lets only one thread run.",
                "Compiled code that releases the lock shows the same.",
                name="gil",
            ),
            Choice(
                "Threads that write must wait for each other's locks.",
                "No lock is taken; the cells are independent.",
                name="locks",
            ),
            Choice(
                "Integer additions cannot run on several cores at once.",
                "Each core has its own arithmetic units.",
                name="shared-units",
            ),
        ),
        hints=("What is the smallest piece of memory that travels between caches?",),
        solution="""False sharing: no data is shared, the cache line is. Keep the running value in a local
variable (a register) and write it once at the end, or put the cells at least a line apart.""",
    ),
    ChoiceDrill(
        id="faster-pruning",
        title="90 % zeros, the same speed",
        section="Pruning",
        difficulty=1,
        minutes=1,
        prompt="""90 % of a network's weights, those of least magnitude, are set to zero. The accuracy holds,
and the time is unchanged. Why?""",
        choices=(
            Choice(
                "The dense kernels multiply by zero as fast as by anything else.",
                "Scattered zeros help only a sparse kernel, and that one needs very many of them to win.",
                correct=True,
            ),
            Choice(
                "Zeros are stored in 32 bits too, and memory is all that counts.",
                "Convolutions are mostly limited by arithmetic; and removing weights from storage alone "
                "would not remove the multiplications.",
                name="storage-only",
            ),
            Choice(
                "The network has to be fine-tuned before it gets faster.",
                "Fine-tuning restores accuracy; the arithmetic stays.",
                name="fine-tuning",
            ),
            Choice(
                "Only the dense layers were pruned.",
                "Weights of all layers were taken by magnitude.",
                name="dense-only",
            ),
        ),
        hints=("Which work does the kernel leave out when it meets a zero?",),
        solution="""Unstructured sparsity shrinks the file; structured pruning (whole filters or channels)
shrinks the layers, so that any dense kernel is faster.""",
    ),
    ChoiceDrill(
        id="coalesced-reads",
        title="Thirty-two threads read",
        section="Graphics processors",
        difficulty=2,
        minutes=2,
        prompt="""On a GPU 32 neighbouring threads (a warp) each read one float32 of a tensor in NHWC layout,
with 64 channels. Which assignment of threads reads memory best?""",
        choices=(
            Choice(
                "neighbouring threads read neighbouring channels of one pixel",
                "Their 32 numbers are contiguous: 128 bytes, fetched in a few wide transactions.",
                correct=True,
            ),
            Choice(
                "neighbouring threads read the same channel of neighbouring pixels",
                "In NHWC these lie 64 numbers, 256 bytes, apart: one transaction for each thread.",
                name="strided",
            ),
            Choice(
                "neighbouring threads read the same channel of different images",
                "These lie a whole image apart.",
                name="far-apart",
            ),
            Choice(
                "it makes no difference, since every thread reads four bytes",
                "Memory is moved in segments of 32 bytes or more; what matters is how many of them a warp "
                "meets.",
                name="bytes-only",
            ),
        ),
        hints=("Which axis is contiguous in NHWC?",),
        solution="""Coalescing: the addresses of a warp should fall into few segments. That is why the
mapping of threads follows the layout, and why tensor-core kernels like channels last.""",
    ),
    ChoiceDrill(
        id="sigmoid-head",
        title="Ten sigmoids",
        section=INSIDE,
        difficulty=1,
        minutes=1,
        prompt="""The engine's dense layer always ends in a sigmoid. It is used as the head for ten exclusive
classes. What follows?""",
        choices=(
            Choice(
                "The ten outputs need not sum to 1, so they are no distribution over the classes.",
                "Each answers its own yes-or-no question. Exclusive classes want a softmax.",
                correct=True,
            ),
            Choice(
                "The largest output can belong to another class than the largest logit.",
                "The sigmoid grows with its logit, so the order stays (until outputs round to the same "
                "number).",
                name="order-changes",
            ),
            Choice(
                "Nothing: softmax and sigmoid are the same for logits of equal size.",
                "For ten equal logits of 0 softmax says 0.1 each, the sigmoids 0.5 each.",
                name="same-thing",
            ),
            Choice(
                "Training is impossible.",
                "Ten yes-or-no losses can be trained; the outputs mean something else.",
                name="untrainable",
            ),
        ),
        hints=("What must probabilities of exclusive classes do?",),
        solution="""The predicted class is mostly the same; the numbers are not probabilities of exclusive
classes. An engine should return logits and leave the head to its user.""",
    ),
]
