"""The intermediate representation: nodes, ops, graphs, kernels. Data and the rules that check it."""
