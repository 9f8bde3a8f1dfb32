"""Where in a photograph a face is: the square frames that are cut out of it."""
