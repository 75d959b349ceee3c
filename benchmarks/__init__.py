"""Timings of every stage against a plain reference and against what the machine can do."""
