"""The engine for other programs: JSON lines on stdin and stdout."""
