"""Training against TRL: the same tokens, model, optimiser and precision, measured in turns."""
