"""Chapter 08: answers to say aloud."""

from cnnkit.drills.kinds import ExplainDrill

DECK = [
    ExplainDrill(
        id="say-why-loops-are-slow",
        title="Same sums, a thousand times faster",
        section="The ladder: same sums, another order",
        difficulty=2,
        minutes=3,
        prompt="""A convolution in plain Python loops takes minutes, a tuned kernel milliseconds, for the same
multiply-adds. Name the steps between them, and what each one gains.""",
        rubric=(
            "Compiled code: no interpreter, no boxed number, for every multiply-add.",
            "Loop order: contiguous memory innermost (filters in HWIO), so that vectors and whole cache "
            "lines "
            "are used.",
            "Register and cache blocking: several outputs at once, so that each weight loaded is used "
            "several times.",
            "All cores, over independent outputs.",
            "Fewer multiplications (Winograd, FFT), paid for with additions and rounding.",
            "Each step is judged against the roof: arithmetic peak or memory bandwidth.",
        ),
        hints=("Go from the interpreter to the registers to the algorithm.",),
        solution="""Compile; walk memory in its order; keep what you loaded in registers and caches; use every
vector lane and every core; only then change the algorithm.""",
    ),
    ExplainDrill(
        id="say-concurrent-engine",
        title="An engine for many callers",
        section="Inference under concurrent load",
        difficulty=3,
        minutes=3,
        prompt="""Design an inference engine that many threads of a service may call at once. What can go
wrong, and what do you decide?""",
        rubric=(
            "No shared mutable state between calls: buffers belong to a call, or are lent under a lock.",
            "Weights are read only, packed once.",
            "Threads inside an operation and threads of callers multiply: bound them (one pool, or one "
            "parallel "
            "region at a time) to avoid oversubscription.",
            "Latency against throughput: batch requests, or run them side by side on single cores.",
            "Errors and cancellation reach the caller; the engine closes cleanly, with queued work decided.",
            "Tested under load: results equal to serial ones, for every threading layer.",
        ),
        hints=("State, threads, errors, tests.",),
        solution="""Keep calls independent, share only what never changes, bound the threads, let failures be
seen, and prove it with many threads and many calls.""",
    ),
    ExplainDrill(
        id="say-convolution-on-a-gpu",
        title="Convolution on a GPU",
        section="Graphics processors",
        difficulty=2,
        minutes=2,
        prompt="Why are convolutions computed as matrix products on GPUs, and what must be right for speed?",
        rubric=(
            "A matrix product reuses every loaded number many times: high arithmetic intensity.",
            "Tiles live in shared memory and registers; tensor cores take small matrix products in 16 or 8 "
            "bits.",
            "Implicit GEMM builds the im2col tiles on the fly instead of storing them.",
            "Neighbouring threads read neighbouring addresses (coalescing); layout NHWC suits it.",
            "Enough independent work to fill thousands of threads: small batches and small maps leave it "
            "idle.",
        ),
        hints=("Think of reuse first, then of memory, then of the amount of work.",),
        solution="""Im2col turns all windows into rows of a matrix; the product with the filters has the reuse
that the hardware is made for. Implicit GEMM avoids the copy.""",
    ),
    ExplainDrill(
        id="say-onnx",
        title="From training to serving",
        section="Eight-bit integers",
        difficulty=2,
        minutes=2,
        prompt="A trained network has to be served fast. What do you do between checkpoint and server?",
        rubric=(
            "Switch to inference: dropout off, running statistics; fold batch norm into the convolutions.",
            "Export to a neutral graph (ONNX) and run it in an optimised runtime (ONNX Runtime, TensorRT).",
            "Fuse bias, activation, additions; choose layouts and algorithms for the target.",
            "Quantise to int8 (calibration, per-channel weights; training with quantisation if accuracy "
            "falls), "
            "or use 16-bit floats.",
            "Prune channels or distil into a smaller network where that is not enough.",
            "Check equality with the original on real inputs, and measure latency at the real batch size.",
        ),
        hints=("First what is free, then what costs accuracy, and checks at each step.",),
        solution="""Free steps first: inference mode, folding, fusing, a good runtime. Then reduced
precision, then smaller networks; and compare outputs and accuracy after every step.""",
    ),
]
