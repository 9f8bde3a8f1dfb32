"""A network and a linear solve: from cut photographs to coefficients and cameras."""
