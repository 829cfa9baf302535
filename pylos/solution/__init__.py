"""The game solved: the exact value of every position, how it is computed, kept and looked up."""
