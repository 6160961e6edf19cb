"""Numba kernels: how states lie in memory, vectors, sums, draws, Gibbs, mean field, learning. Arrays and numbers in."""
