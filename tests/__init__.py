"""The tests; a package, so that the one of another project is not taken for it."""
