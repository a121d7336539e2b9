"""Measurements against peers: the same work on both sides, in one run, as ratios. No test asserts a speed."""
