"""The packaged configurations: quick, laptop and gpu."""
