"""What other programs expect of a game: their environments, their games, their file formats."""
