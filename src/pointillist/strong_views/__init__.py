"""What teacher and student need of views: heatmaps carried over, joints masked, images mixed.

Pure functions on whole batches. Masks, patches and points are in the view's own pixels, x before
y, so that nothing depends on the image being square.
"""

from pointillist.strong_views.guidance import Guidance, carry
from pointillist.strong_views.masking import blank, choose_joints, joint_cutout, squares

__all__ = ["Guidance", "blank", "carry", "choose_joints", "joint_cutout", "squares"]
