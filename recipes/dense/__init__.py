"""The recipe of dense points, segments and coefficients: the shipped network."""
