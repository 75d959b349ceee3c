"""Labels of images, read from the files that people have."""
