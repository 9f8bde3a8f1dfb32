"""The tables of the five papers, with rows of our own runs beside the printed ones."""
