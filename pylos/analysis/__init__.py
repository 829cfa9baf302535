"""What the legal actions of a position are worth, as rows and as text."""
