"""Who is stronger: matches, their results, ratings, and what an evaluation consists of."""
