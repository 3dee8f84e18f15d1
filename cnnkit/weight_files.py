"""Files of named arrays, .npz or .safetensors: numbers and text only, nothing that could run when it is read.

A file is written beside its place and moved there when it is whole, so that a failed write leaves the old one
alone. Reading trusts nothing: whatever is not such a file, whole and unchanged, is refused.
"""

import hashlib
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import DataError, OptionError

Array = NDArray[Any]
_T = TypeVar("_T")
Contents = tuple[dict[str, Array], dict[str, str]]

_NPZ_METADATA = "metadata.json"
_CHECKSUM = "sha256"
# All that NumPy and zipfile raise on files that are cut off, changed, or something else.
_DAMAGE = (
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_arrays(path: str | Path, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write named arrays and some text about them; the ending of `path` chooses .npz or .safetensors.

    An old file stays as it is until the new one is complete. Raises OptionError for another ending, DataError
    when the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    write = _chosen(_WRITERS, target)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file, arrays, dict(metadata))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def read_arrays(path: str | Path) -> Contents:
    """Return the named arrays of a .npz or .safetensors file, and the text about them ({} without any).

    Raises OptionError for another ending, DataError for a file that is missing, damaged or of another kind.
    """
    source = Path(path)
    read = _chosen(_READERS, source)
    try:
        with source.open("rb") as file:
            return read(file, source)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _chosen(by_suffix: Mapping[str, _T], path: Path) -> _T:
    if path.suffix not in by_suffix:
        raise OptionError(f"path is {str(path)!r}; expected a name that ends in {' or '.join(by_suffix)}")
    return by_suffix[path.suffix]


def _write_npz(file: BinaryIO, arrays: Mapping[str, Array], metadata: dict[str, str]) -> None:
    text = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    np.savez(file, allow_pickle=False, **{_NPZ_METADATA: text}, **arrays)


def _read_npz(file: BinaryIO, path: Path) -> Contents:
    if not zipfile.is_zipfile(file):
        raise DataError(f"{path} is not a whole .npz file: it is cut off, or something else")
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except _DAMAGE as error:
        raise DataError(
            f"{path} is damaged, or holds something else than arrays of numbers: {error}"
        ) from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise DataError(f"{path} holds something else than arrays of numbers")
    text = arrays.pop(_NPZ_METADATA, None)
    return arrays, {} if text is None else _text_of(text, path)


def _text_of(array: Array, path: Path) -> dict[str, str]:
    try:
        metadata = json.loads(array.tobytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: its description cannot be read: {error}") from error
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise DataError(f"{path} is damaged: its description is not text by name")
    return metadata


def _write_safetensors(file: BinaryIO, arrays: Mapping[str, Array], metadata: dict[str, str]) -> None:
    from safetensors.numpy import save

    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    file.write(save(flat, {**metadata, _CHECKSUM: _checksum(flat, metadata)}))


def _read_safetensors(file: BinaryIO, path: Path) -> Contents:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = dict(opened.metadata() or {})
            # Files of other programs come with types that NumPy has no name for.
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, *_DAMAGE) as error:
        raise DataError(f"{path} is not a whole .safetensors file: {error}") from error
    claimed = metadata.pop(_CHECKSUM, None)
    if claimed is not None and claimed != _checksum(arrays, metadata):
        raise DataError(f"{path} is damaged: its numbers do not fit its checksum")
    return arrays, metadata


def _checksum(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> str:
    """Return the SHA-256 of everything: the format itself would not notice a changed number."""
    digest = hashlib.sha256(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


_WRITERS = {".npz": _write_npz, ".safetensors": _write_safetensors}
_READERS = {".npz": _read_npz, ".safetensors": _read_safetensors}
