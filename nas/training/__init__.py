"""Training: the recipe, the order of the images, the batches, the steps."""
