"""Vectors as values: one processor instruction for sixteen float32 numbers, or for eight of float64.

Numba compiles loops and lets LLVM discover which of them can share instructions. In the innermost loop of a
convolution that is left to no discovery: here a *vector* is a type of its own, and Numba code adds, scales
and stores vectors as it does numbers. A vector is 64 bytes, one cache line. LLVM makes of it whatever the
processor has: one register of AVX-512, two of AVX2, four of NEON. Nothing else in the package knows.

Indices count elements from the start of a one-dimensional contiguous array, must not be negative, and are
not checked: these functions are for kernels, whose arguments have been.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import (
    intrinsic,
    models,
    overload,
    register_jitable,
    register_model,
)

VECTOR_BYTES = 64

_FUSE = ("contract",)  # a * b + c may become one instruction; nothing else is assumed of the numbers


class VectorType(types.Type):
    """The Numba type of a vector.

    Attributes:
        element: Numba's float32 or float64.
        lanes: how many elements one vector holds.
    """

    def __init__(self, element: Any) -> None:
        self.element = element
        self.lanes = 8 * VECTOR_BYTES // element.bitwidth
        super().__init__(name=f"Vector({element})")

    @property
    def llvm(self) -> Any:
        """The type as LLVM writes it, ``<16 x float>`` or ``<8 x double>``."""
        return ir.VectorType(
            ir.FloatType() if self.element == types.float32 else ir.DoubleType(),
            self.lanes,
        )


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: VectorType) -> None:
        super().__init__(manager, vector, vector.llvm)  # type: ignore[no-untyped-call]


def instruction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call what `function` generates: given types, it returns a signature and more."""
    generated: Callable[..., Any] = intrinsic(function)
    return generated


def compound(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call `function`, itself written in instructions."""
    compiled: Callable[..., Any] = register_jitable(forceinline=True)(function)
    return compiled


@instruction
def load(_: Any, array: Any, index: Any) -> Any:
    """Return the vector ``array[index : index + lanes]``."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, vector)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(array, types.intp), generate


@instruction
def store(_: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write `vector` to ``array[index : index + lanes]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _address(context, builder, signature, arguments, vector)
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@instruction
def prefetch(_: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of ``array[index]``, even beyond the end, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        address = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        builder.call(function, [address, word(0), word(2), word(1)])  # to read, again soon, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@instruction
def spread(_: Any, array: Any, index: Any) -> Any:
    """Return the vector whose lanes all are ``array[index]``."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return _repeat(builder, builder.load(builder.gep(data, [arguments[1]])), vector)

    return vector(array, types.intp), generate


@instruction
def filled(_: Any, number: Any) -> Any:
    """Return the vector whose lanes all are `number`, a float32 or float64."""
    vector = VectorType(number)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _repeat(builder, arguments[0], vector)

    return vector(number), generate


@instruction
def lane(_: Any, vector: Any, index: Any) -> Any:
    """Return the number in one lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(arguments[0], arguments[1])

    return vector.element(vector, types.intp), generate


@instruction
def with_lane(_: Any, vector: Any, index: Any, number: Any) -> Any:
    """Return `vector` with another number in one lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.insert_element(arguments[0], arguments[2], arguments[1])

    return vector(vector, types.intp, vector.element), generate


@instruction
def multiply_add(_: Any, u: Any, v: Any, total: Any) -> Any:
    """Return ``u * v + total``, rounded once where the processor can, the heart of every kernel here."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        product = builder.fmul(arguments[0], arguments[1], flags=_FUSE)
        return builder.fadd(product, arguments[2], flags=_FUSE)

    return total(u, v, total), generate


@instruction
def larger(_: Any, u: Any, v: Any) -> Any:
    """Return the larger number of every lane; NaN is larger than anything."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b = arguments
        # "unordered or greater" is true when either is NaN, and then a is taken only if it is the NaN
        taken = builder.or_(builder.fcmp_ordered(">", a, b), builder.fcmp_unordered("uno", a, a))
        return builder.select(taken, a, b)

    return u(u, v), generate


@instruction
def choose_equal(_: Any, u: Any, v: Any, yes: Any, no: Any) -> Any:
    """Return `yes` in every lane where `u` equals `v` or is NaN, and `no` in the others."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        u, v, yes, no = arguments
        taken = builder.or_(builder.fcmp_ordered("==", u, v), builder.fcmp_unordered("uno", u, u))
        return builder.select(taken, yes, no)

    return yes(u, v, yes, no), generate


@instruction
def divide(_: Any, u: Any, v: Any) -> Any:
    """Return ``u / v`` for every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fdiv(*arguments)

    return u(u, v), generate


@compound
def load_first(array: Any, index: int, count: int, fill: Any) -> Any:
    """Return the `count` numbers from `index` on, then the last lanes of `fill`; all lanes if there are more.

    For the end of a row whose length is no whole number of vectors.
    """
    if count >= VECTOR_BYTES // array.itemsize:
        return load(array, index)
    vector = fill
    for number in range(count):
        vector = with_lane(vector, number, array[index + number])
    return vector


@compound
def store_first(array: Any, index: int, vector: Any, count: int) -> None:
    """Write the first `count` lanes of `vector` from `index` on, or all lanes if `count` is larger."""
    if count >= VECTOR_BYTES // array.itemsize:
        store(array, index, vector)
    else:
        for number in range(count):
            array[index + number] = lane(vector, number)


def _arithmetic(operation: Any, name: str) -> None:
    """Let `operation` take two vectors."""

    @instruction
    def compute(_: Any, u: Any, v: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments, flags=_FUSE)

        return u(u, v), generate

    @overload(operation, inline="always")
    def choose(u: Any, v: Any) -> Callable[[Any, Any], Any] | None:
        def both(u: Any, v: Any) -> Any:
            return compute(u, v)

        return both if isinstance(u, VectorType) and isinstance(v, VectorType) else None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")


def _address(context: Any, builder: Any, signature: Any, arguments: Any, vector: VectorType) -> Any:
    """Return a pointer to the vector that starts at element ``arguments[1]`` of the array."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), vector.llvm.as_pointer())


def _repeat(builder: Any, number: Any, vector: VectorType) -> Any:
    index = ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector.llvm, ir.Undefined), number, ir.Constant(index, 0))
    everywhere = ir.Constant(ir.VectorType(index, vector.lanes), [0] * vector.lanes)
    return builder.shuffle_vector(first, first, everywhere)
