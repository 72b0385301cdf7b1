"""Training: configuration, state, step, loop and checkpoints."""
