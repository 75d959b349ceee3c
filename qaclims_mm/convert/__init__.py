"""Released files of the field, turned into ours; nothing that they contain is ever run."""
