"""The mean colour of ImageNet's images and its spread: what images are normalised by, and what pads them."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Red, green, blue, from 0 to 1."""
IMAGENET_STD = (0.229, 0.224, 0.225)
MEAN_COLOUR = tuple(round(255 * value) for value in IMAGENET_MEAN)
"""The mean in 8 bits; where it pads an image, the normalised value is 0 but for the rounding."""
