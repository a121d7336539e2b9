"""Our battery, Inspect and lm-eval on the same greedy task against the same release."""
