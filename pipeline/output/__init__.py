"""Everything that a reconstruction leaves in a folder, and what it is called."""
