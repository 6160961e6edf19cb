"""Our kernels beside numpy with BLAS, SciPy, scikit-learn and, where installed, PyTorch, thrml, learnergy and rbms.

`make bench`, or `python -m benchmarks`; `--quick` runs everything at a tiny size.
"""
