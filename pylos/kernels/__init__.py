"""What compiled code is made of: the compiler and its cache, operations on bits, random numbers."""
