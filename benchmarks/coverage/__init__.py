"""How often our intervals hold what they promise, simulated over a grid."""
