"""One HTML page about all that a plan has made."""
