"""The command `daguerre`: one file for each family of commands; they are listed below, in the order of --help.

Heavy imports wait inside the commands, so that `run` needs neither graphics nor numba and `play` never meets torch.
With --json exactly one object goes to standard output; everything else that is said goes to standard error.
"""

import os
import sys

import typer

from engine.cli import authoring, measuring, picturing, playing, recordings, running, teaching, verifying
from engine.cli.speech import say
from engine.core.errors import DaguerreError

app = typer.Typer(
    name="daguerre",
    help="A world simulator with a neural camera.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(playing.play)
app.command()(running.run)
app.command()(picturing.render)
app.command()(authoring.new)
app.command()(authoring.check)
app.command()(verifying.verify)
app.command()(recordings.record)
app.command()(recordings.replay)
app.command()(recordings.fork)
app.command()(recordings.diff)
app.command("eval")(teaching.evaluate)
app.command()(teaching.teach)
app.command()(measuring.bench)
app.command()(measuring.doctor)


def main() -> None:
    """Run the command line; expected failures are one sentence on standard error and an exit code."""
    try:
        app()
    except DaguerreError as error:
        say(f"daguerre: {error}")
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        say("daguerre: stopped")
        raise SystemExit(130) from None
    except BrokenPipeError:  # `daguerre run ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
