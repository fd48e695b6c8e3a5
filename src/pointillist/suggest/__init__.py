"""Which images to label next: those of which the network is unsure, no two alike.

``sources`` tells candidates from what is labelled, ``observation`` looks at them with the trained
network, ``measures`` makes numbers of that, ``strategies`` choose, ``reasons`` says why.
"""

from pointillist.suggest.ranking import FRAMES, Pick, Suggestions, suggest
from pointillist.suggest.strategies import STRATEGIES, Candidates, Strategy, get_strategy

__all__ = [
    "FRAMES",
    "STRATEGIES",
    "Candidates",
    "Pick",
    "Strategy",
    "Suggestions",
    "get_strategy",
    "suggest",
]
