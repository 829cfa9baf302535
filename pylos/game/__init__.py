"""Pylos itself: rules, actions, symmetries, boards, positions as text, as pictures and as numbers."""
