"""Reinforcement learning with a KL stabiliser: rollouts from the live weights, rewards, the run."""
