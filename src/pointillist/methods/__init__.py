"""The methods, by name. Adding one: its file, and its line in ``METHODS``."""

from __future__ import annotations

from pointillist.errors import ConfigError, did_you_mean
from pointillist.methods.adaptive_masking import AdaptiveMasking
from pointillist.methods.auto import Auto
from pointillist.methods.base import Method, MethodOptions, Setting
from pointillist.methods.consistency import Consistency
from pointillist.methods.dual import Dual
from pointillist.methods.equivariant_landmarks import EquivariantLandmarks
from pointillist.methods.generative import Generative
from pointillist.methods.mean_teacher import MeanTeacher
from pointillist.methods.multi_augment import MultiAugment
from pointillist.methods.pseudo_labels import PseudoLabels
from pointillist.methods.semantic_consistency import SemanticConsistency
from pointillist.methods.supervised import Supervised

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Auto,
        Supervised,
        PseudoLabels,
        EquivariantLandmarks,
        Generative,
        SemanticConsistency,
        MeanTeacher,
        Consistency,
        Dual,
        AdaptiveMasking,
        MultiAugment,
    )
}


def get_method(name: str) -> type[Method]:
    """A method by name; an unknown name gets the nearest known one."""
    if name not in METHODS:
        raise ConfigError(f"there is no method '{name}'", do=did_you_mean(name, METHODS))
    return METHODS[name]


__all__ = ["METHODS", "Method", "MethodOptions", "Setting", "get_method"]
