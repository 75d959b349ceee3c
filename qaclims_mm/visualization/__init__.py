"""Pictures of what the stages made."""
