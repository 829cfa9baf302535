"""Who is stronger: matches between players, their results, evaluations of an agent, and ratings."""
