"""The packed forest and the one model pass over it: layout, attention, vocabulary head, kernels."""
