"""PyTorch's own databases of operators against Firth."""
