"""From a network or a file of predictions to points in the data set's frame."""
