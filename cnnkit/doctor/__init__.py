"""Say in plain words what is wrong with a machine, and the remedy of each fault.

- `findings`: what a check returns, and the report made of them
- `machine`: Python, packages, cores, threads, BLAS
- `course`: the learner's store, the shipped data, JupyterLab, the browser
- `kernel_probe`: runs in a process of its own and measures the compiled kernels there
"""

from cnnkit.doctor.diagnosis import report
from cnnkit.doctor.findings import Finding, Report

__all__ = ["Finding", "Report", "report"]
