"""Runs the stages of a method, and their results over seeds."""
