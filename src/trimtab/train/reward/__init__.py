"""The reward model: learnt from preferences, then judge and reward."""
