"""A run of several processes: who is who, parameters in shards, tensors on disk in pieces."""
