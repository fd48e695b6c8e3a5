"""What a long command says while it runs: lines, and bars for counted work."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


def tell(text: str, quiet: bool) -> None:
    """What is worth knowing while something runs: on standard error, unless ``quiet``."""
    if not quiet:
        print(text, file=sys.stderr)


@contextlib.contextmanager
def counted(
    title: str, total: int, quiet: bool, *, unit: str | None = None
) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar; gives a function to call with (done, total), or none if ``quiet``.

    With a ``unit`` it shows how many of these are done in a second.
    """
    if quiet or not total:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f} {unit}/s" if unit and task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    with Progress(*columns, TimeRemainingColumn(), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done, _: bar.update(task, completed=done)
