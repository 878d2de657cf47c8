"""Pictures in, objects out: which files are pictures, whole or in tiles, a few at a time through a detector."""

from nas.detecting.detect import Broken, Found, ahead, detect_files
from nas.detecting.files import PictureFile, find_pictures
from nas.detecting.tiles import Tiling

__all__ = ["Broken", "Found", "PictureFile", "Tiling", "ahead", "detect_files", "find_pictures"]
