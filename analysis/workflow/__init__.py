"""What the workflow asks for: compiled kernels, run times, the comparison of a rebuild with what is committed."""
