"""What is installed and what a face model holds, for the command line."""
