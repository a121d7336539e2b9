"""Preference hygiene against planted pathologies: what is found, what is cried wolf, and what DPO makes of it."""
