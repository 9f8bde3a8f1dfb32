"""The training loop: checkpoints, schedules, logging."""
