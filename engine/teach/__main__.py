"""Teaching from the command line: `python -m engine.teach lessons | train | sheet` (see docs/TRAINING.md)."""

import argparse
import sys
from pathlib import Path

from engine.core.errors import DaguerreError
from engine.teach import dataset

WEIGHTS = Path(__file__).parents[1] / "light" / "weights" / "irradiance.safetensors"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except DaguerreError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.teach", description=__doc__)
    commands = parser.add_subparsers(required=True)

    lessons = commands.add_parser("lessons", help="trace targets and compute features of generated scenes")
    lessons.add_argument("--scenes", type=int, default=126, help="scenes to train on (seeds from 0)")
    lessons.add_argument("--held-out", type=int, default=12, help="scenes kept for the score (seeds from 9000)")
    lessons.set_defaults(run=_lessons)

    train = commands.add_parser("train", help="train on the lessons of a folder and write weights")
    train.add_argument("--minutes", type=float, default=20.0, help="of processor time, on one thread")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--out", type=Path, default=WEIGHTS)
    train.set_defaults(run=_train)

    sheet = commands.add_parser("sheet", help="draw teacher, network, classical and raster side by side")
    sheet.add_argument("--worlds", nargs="+", default=["courtyard", "gallery", "town"])
    sheet.add_argument("--out", type=Path, default=Path("docs/sheet.png"))
    sheet.add_argument("--spp", type=int, default=96)
    sheet.set_defaults(run=_sheet)

    for command in (lessons, train):
        command.add_argument("--folder", type=Path, default=dataset.default_folder(), help="where lessons are kept")
    return parser


def _lessons(options: argparse.Namespace) -> None:
    held_out = range(dataset.HELD_OUT_FROM, dataset.HELD_OUT_FROM + options.held_out)
    seeds = [*range(options.scenes), *held_out]
    dataset.make_targets(options.folder, seeds)
    dataset.make_features(options.folder, seeds)


def _train(options: argparse.Namespace) -> None:
    from engine.teach.train import train  # torch takes a second to import

    command = f"python -m engine.teach train --minutes {options.minutes:g} --seed {options.seed}"
    metadata = train(options.folder, options.out, options.minutes, options.seed, command)
    for key, value in metadata.items():
        print(f"{key}: {value}")


def _sheet(options: argparse.Namespace) -> None:
    from engine.teach.evaluate import sheet

    sheet(options.worlds, options.out, spp=options.spp, report=lambda line: print(line, file=sys.stderr, flush=True))
    print(options.out)


if __name__ == "__main__":
    sys.exit(main())
