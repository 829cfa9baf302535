"""What lies between the other wings and the machine: files, signals, output, memory, and values from outside."""
