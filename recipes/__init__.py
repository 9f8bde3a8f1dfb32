"""What is trained: one folder for each kind of task, above an engine that knows no faces."""
