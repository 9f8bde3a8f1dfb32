"""Expression, light and texture of other photographs, put back into a photograph."""
