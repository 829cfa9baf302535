"""What stands between the laboratory and the machine: files, signals, output, memory, and what comes from outside."""
