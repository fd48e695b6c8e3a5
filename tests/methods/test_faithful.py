"""The published settings, by name."""

from __future__ import annotations

import pytest

from pointillist.config import validate
from pointillist.errors import ConfigError
from pointillist.methods import METHODS, MethodOptions

#: The methods of Table 1 of the ICLR 2021 paper.
PAPER = (
    *("supervised", "pseudo_labels", "equivariant_landmarks", "generative"),
    "semantic_consistency",
)


@pytest.mark.parametrize("name", PAPER)
def test_faithful_stands_for_what_is_published(name: str) -> None:
    kind = METHODS[name].Options
    found = kind(faithful=True).model_dump()
    assert kind.published
    assert {key: found[key] for key in kind.published} == kind.published
    # Nothing else moves: what is not published keeps its default.
    rest = set(found) - set(kind.published) - {"faithful"}
    assert {key: found[key] for key in rest} == {key: kind().model_dump()[key] for key in rest}


def test_the_paper_states_every_option_of_its_own_method() -> None:
    """A new option needs a word here: what the paper does is part of ``published``."""
    kind = METHODS["semantic_consistency"].Options
    only_with_a_teacher = {"easy", "hard", "threshold"}
    assert set(kind.published) == set(kind.model_fields) - {"faithful"} - only_with_a_teacher
    assert kind.published["teacher"] == "none"
    assert (kind.published["valid_only"], kind.published["burn_in"]) == (False, 0)


def test_what_is_given_beside_it_has_its_say() -> None:
    kind = METHODS["semantic_consistency"].Options
    found = kind(faithful=True, true_heatmaps=False).model_dump()
    assert found["true_heatmaps"] is False
    assert found["valid_only"] is False
    assert kind(faithful=False).valid_only is True  # type: ignore[attr-defined]


def test_a_method_without_a_published_setting_says_so() -> None:
    class Options(MethodOptions):
        pass

    with pytest.raises(ConfigError, match=r"'faithful' is True.*no published setting"):
        validate(Options, {"faithful": True}, where="method_options")


def test_nobody_has_published_the_default_method() -> None:
    """It would be semantic consistency without a teacher, under another name."""
    with pytest.raises(ConfigError, match="no published setting"):
        validate(METHODS["auto"].Options, {"faithful": True})
