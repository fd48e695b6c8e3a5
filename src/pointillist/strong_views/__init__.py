"""What teacher and student need of views: heatmaps carried over, joints masked, images mixed.

Pure functions on whole batches. Masks, patches and points are in the view's own pixels, x before
y, so that nothing depends on the image being square.
"""

from pointillist.strong_views.coloring import rand_augment
from pointillist.strong_views.guidance import Guidance, carry
from pointillist.strong_views.masking import (
    allot_masks,
    blank,
    choose_joints,
    cutout,
    joint_cutout,
    random_halves,
    rectangles,
    relative_responses,
)
from pointillist.strong_views.mixing import cutmix, mask_on_map, mixup, mixup_shares, partners
from pointillist.strong_views.pasting import paste

__all__ = [
    "Guidance",
    "allot_masks",
    "blank",
    "carry",
    "choose_joints",
    "cutmix",
    "cutout",
    "joint_cutout",
    "mask_on_map",
    "mixup",
    "mixup_shares",
    "partners",
    "paste",
    "rand_augment",
    "random_halves",
    "rectangles",
    "relative_responses",
]
