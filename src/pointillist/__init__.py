"""pointillist: keypoint detectors from a handful of labelled images and a pile of unlabelled ones."""

from pointillist.version import __version__

__all__ = ["__version__"]
