"""What the legal actions of a position are worth."""
