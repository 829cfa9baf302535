"""From observations to values and policies: the network, its checkpoints, and the evaluator that a search asks."""
