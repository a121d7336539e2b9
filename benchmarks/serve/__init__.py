"""Serving: what the gateway leaves of its engine's speed, and how that stands against static batches."""
