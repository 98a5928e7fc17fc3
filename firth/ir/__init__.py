"""The intermediate representation: nodes, ops, graphs, kernels, and the rules that check them."""
