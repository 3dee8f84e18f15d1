"""A fingerprint of an array, read at the speed of memory: it tells whether weights have changed."""

from typing import Any

import numpy as np
from numba import prange

from cnnkit.kernels.arguments import Array
from cnnkit.kernels.parallel.region import parallel, plain

LANES = 64  # independent hashes side by side, so that the multiplications do not wait for one another
BLOCK = 1 << 16  # words of four bytes that one iteration reads
_START, _PRIME = np.uint32(2166136261), np.uint32(16777619)


def fingerprint(array: Array) -> bytes:
    """Return a hash of the bits of `array`, float32 or float64 of any shape.

    Every lane is the hash FNV-1a, ``h = (h xor word) * prime`` (Fowler, Noll & Vo), over words of four bytes.
    Each step is one-to-one in h and in the word, so a change within one number always changes the result;
    several changes cancel with a chance of 2**-32. It notices accidents; it is no protection from intent.
    """
    words = plain(array).reshape(-1).view(np.uint32)
    hashes = np.full((-(-words.size // BLOCK), LANES), _START, np.uint32)
    _hash(words, hashes)
    return hashes.tobytes()


@parallel
def _hash(words: Any, hashes: Any) -> None:
    for block in prange(len(hashes)):
        first = np.int64(block) * BLOCK
        last: Any = min(first + BLOCK, len(words))
        whole = last - (last - first) % LANES
        lanes = hashes[block]
        for start in range(first, whole, LANES):
            for lane in range(LANES):
                lanes[lane] = (lanes[lane] ^ words[start + lane]) * _PRIME
        for word in range(whole, last):
            lanes[word - whole] = (lanes[word - whole] ^ words[word]) * _PRIME
