"""The back end `triton`: our own kernels for CUDA, tried without a GPU by Triton's interpreter."""
