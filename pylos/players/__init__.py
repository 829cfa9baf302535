"""Everything that can choose an action for a board, and the agents that ship."""
