"""What networks make of a backbone's feature maps: boxes and classes, masks, the class of a whole image."""

from nas.detectors.heads.classifier import Classifier
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.retinanet import RetinaNet

__all__ = ["Classifier", "MaskRCNN", "RetinaNet"]
