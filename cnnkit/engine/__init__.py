"""A thread-safe inference engine: the Java engine of the source, done right, and whole networks."""

from cnnkit.engine.inference import InferenceEngine
from cnnkit.errors import ClosedError

__all__ = ["ClosedError", "InferenceEngine"]
