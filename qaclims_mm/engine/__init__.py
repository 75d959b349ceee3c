"""Hooks, loops and what a run needs: its config, its runner, and fixes of the stack below."""
