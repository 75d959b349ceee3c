"""One HTML page about all that a pipeline has made."""
