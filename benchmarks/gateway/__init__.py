"""The gateway's own cost beside LiteLLM's, and what it does at ten times the capacity."""
