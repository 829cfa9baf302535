"""How much of the exact solution an agent knows, measured on positions whose labels ship."""
