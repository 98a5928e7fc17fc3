"""Functions from graph to graph, one file each; `pipeline` is the only place that orders them."""
