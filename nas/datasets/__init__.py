"""Detection data sets: read, checked, cached as square images with their objects, and varied for training."""
