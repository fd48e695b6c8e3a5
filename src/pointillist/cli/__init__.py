"""The command line: each verb parses, calls the library and prints.

Nothing heavy is imported before a verb runs, so that ``pointillist --help`` answers at once.
"""

from __future__ import annotations

import sys
import warnings

import typer

from pointillist.cli import benchmark, data, demo, export, label, prediction, suggest, training
from pointillist.errors import PointillistError

app = typer.Typer(
    name="pointillist",
    help="Keypoint detectors from a handful of labelled images and a pile of unlabelled ones.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from pointillist.version import __version__

        typer.echo(f"pointillist {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version and leave."
    ),
) -> None:
    """Options before the verb."""


app.command("demo")(demo.demo)
app.command("info")(data.info)
app.command("convert")(data.convert)
app.command("split")(data.split)
app.command("train")(training.train)
app.command("evaluate")(prediction.evaluate)
app.command("predict")(prediction.predict)
app.command("export")(export.export)
app.command("label")(label.label)
app.command("suggest")(suggest.suggest)
app.command("budget")(suggest.budget)
app.command("benchmark")(benchmark.benchmark)


def _tell_in_words() -> None:
    """Our own warnings are for people, who have no use for a line of the code that gave them."""
    usual = warnings.formatwarning

    def words(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if category.__module__.startswith("pointillist."):
            return f"warning: {message}\n"
        return usual(message, category, filename, lineno, line)

    warnings.formatwarning = words


def main() -> None:
    """Runs the command line; what a user can cure is one line and an exit code, no traceback."""
    _tell_in_words()
    try:
        app()
    except PointillistError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
