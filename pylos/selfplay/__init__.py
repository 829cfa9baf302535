"""Games of an agent with itself, and the samples that training draws from them."""
