"""Experiments of chapter 09: small, seeded, in float64, lest their rounded results depend on the machine.

- `common`: the small network, the splits, and a table of accuracies with intervals
- `overfitting`: too few digits with some wrong labels; what each cure is worth, over several seeds
- `races`: optimisers and learning rates on the same problem
- `normalising`: raw inputs, batch statistics and small batches
- `leakage`: four ways to test on what was seen
- `labels`: wrong labels found, and rare classes
- `broken`: runs that went wrong, to diagnose
- `robustness`: adversarial digits
"""
