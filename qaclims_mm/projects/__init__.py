"""A project of one's own: from a folder of images and their labels to a plan."""
