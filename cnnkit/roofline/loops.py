"""The two loops that find a machine's roof: multiply-adds that never leave the registers, and a triad.

A compiler picks a vector width of its own, on some processors half of what they can do. So the chains of
multiply-adds are written in LLVM's own language, with the width in the type: one burst for each width, and
the quickest is the peak. Where registers are narrower LLVM splits the vectors, which is slower, not wrong.
"""

from typing import Any

from llvmlite import ir
from numba import prange
from numba.core import cgutils
from numba.extending import intrinsic

from cnnkit.kernels.parallel.region import parallel

CHAINS = {128: 24, 256: 12, 512: 24}
"""Bits of a vector -> independent chains of multiply-adds. A chain waits four or five cycles for its own last
result, so there are as many as the registers hold: 32 with NEON's 128 bits and AVX-512, 16 with AVX's 256."""


def lanes(bits: int, itemsize: int) -> int:
    """Return how many numbers of `itemsize` bytes a vector of `bits` holds."""
    return bits // (8 * itemsize)


def _burst(bits: int) -> Any:
    """Return a function for compiled code, ``burst(scale, shift, rounds)``: the sum of all chains' results.

    Each of the `rounds` sends every lane of every chain through ``value = value * scale + shift`` once.
    """

    @intrinsic
    def burst(_typing: Any, scale: Any, shift: Any, rounds: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            itemsize = context.get_abi_sizeof(arguments[0].type)
            vector = ir.VectorType(arguments[0].type, lanes(bits, itemsize))
            return _sum_lanes(builder, _run_chains(builder, vector, CHAINS[bits], *arguments), vector)

        return scale(scale, shift, rounds), emit

    return burst


def _run_chains(builder: Any, vector: Any, chains: int, scale: Any, shift: Any, rounds: Any) -> Any:
    """Emit the loop; return the vector that is the sum of all chains."""
    factor, term = (_splat(builder, scalar, vector) for scalar in (scale, shift))
    name = f"llvm.fmuladd.v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"
    fused = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    before, body, after = builder.block, *(builder.append_basic_block() for _ in range(2))
    builder.branch(body)
    builder.position_at_end(body)
    count = builder.phi(rounds.type)
    values = [builder.phi(vector) for _ in range(chains)]
    results = [builder.call(fused, [value, factor, term]) for value in values]
    next_count = builder.add(count, count.type(1))
    builder.cbranch(builder.icmp_signed("<", next_count, rounds), body, after)
    count.add_incoming(count.type(0), before)
    count.add_incoming(next_count, body)
    for start, (value, result) in enumerate(zip(values, results, strict=True)):
        # Equal chains would be one chain to the compiler.
        value.add_incoming(ir.Constant(vector, [float(start)] * vector.count), before)
        value.add_incoming(result, body)
    builder.position_at_end(after)
    total = results[0]
    for result in results[1:]:
        total = builder.fadd(total, result)
    return total


def _splat(builder: Any, scalar: Any, vector: Any) -> Any:
    filled = ir.Constant(vector, ir.Undefined)
    for lane in range(vector.count):
        filled = builder.insert_element(filled, scalar, ir.IntType(32)(lane))
    return filled


def _sum_lanes(builder: Any, values: Any, vector: Any) -> Any:
    total = builder.extract_element(values, ir.IntType(32)(0))
    for lane in range(1, vector.count):
        total = builder.fadd(total, builder.extract_element(values, ir.IntType(32)(lane)))
    return total


_burst128, _burst256, _burst512 = (_burst(bits) for bits in CHAINS)


@parallel
def multiply_adds(results: Any, constants: Any, rounds: int, bits: int) -> None:
    """Run one burst for each of `results` (T,), one thread each; `constants` (2,) are scale and shift."""
    for worker in prange(len(results)):
        if bits == 128:
            results[worker] = _burst128(constants[0], constants[1], rounds)
        elif bits == 256:
            results[worker] = _burst256(constants[0], constants[1], rounds)
        else:
            results[worker] = _burst512(constants[0], constants[1], rounds)


@parallel
def triad(a: Any, b: Any, c: Any, scale: Any) -> None:
    """Write ``b + scale * c`` into `a`, all of one length: two numbers read and one written each time."""
    for index in prange(len(a)):
        a[index] = b[index] + scale[0] * c[index]


@parallel
def fill(a: Any, value: Any) -> None:
    """Write ``value[0]`` into all of `a`; the thread that touches a page first has it near."""
    for index in prange(len(a)):
        a[index] = value[0]
