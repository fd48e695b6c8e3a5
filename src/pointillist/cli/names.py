"""Names that help texts list. Whoever knows them takes seconds to import, so they are written down
here; a test compares them with what there is."""

from __future__ import annotations

METHODS = (
    "auto, supervised, pseudo_labels, equivariant_landmarks, generative, semantic_consistency, "
    "mean_teacher, consistency, dual, adaptive_masking, multi_augment"
)
PROTOCOLS = "atrw, coco-10k, coco-1k, coco-5k, cub, cub-small, lsp, lsp-small, mpii, mpii-aic"
#: Layouts that are written.
LAYOUTS = "lsp, cub, mpii, deeplabcut, lightning-pose, sleap, nwb, yolo, cvat, label-studio, coco"
