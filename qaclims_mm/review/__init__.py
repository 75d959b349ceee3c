"""Which masks deserve a look, and what becomes of those that people have corrected."""
