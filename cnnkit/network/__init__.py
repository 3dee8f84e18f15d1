"""Networks: layers in a row, with Keras' summary, counts, training, prediction, and files of weights."""

from cnnkit.network.fitting import History
from cnnkit.network.sequential import Sequential, load
from cnnkit.network.structure import Structure

__all__ = ["History", "Sequential", "Structure", "load"]
