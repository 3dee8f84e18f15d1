"""Ours against PyTorch, onnxruntime, SciPy and the source's Java engine: `make bench`."""
