"""Numbers that runs leave: scores, their journals, tables over seeds, time and disk."""
