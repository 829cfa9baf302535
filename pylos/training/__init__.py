"""The Lightning module and the data module, and what they consist of."""
