from __future__ import annotations

import pytest
import torch

from pointillist.errors import ConfigError
from pointillist.placement import choose_device


def test_a_name_of_pytorchs_and_auto() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu0", "", "cuda:99", "meta", "hpu"])
def test_what_is_not_there_is_named_with_what_is(name: str) -> None:
    with pytest.raises(ConfigError, match=f"has no device '{name}'.*It has: cpu"):
        choose_device(name)
