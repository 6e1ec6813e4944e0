"""The whole course of teaching: lessons for many scenes, then training, and a record of how the weights came about.

Both stages go on where they stopped: lessons that lie in the folder are not made again, and training continues from its
checkpoint.
"""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from engine.core.errors import OutputError, WeightsError
from engine.teach import dataset, scenes
from engine.teach.outputs import check_writable

PACKAGES = ("daguerre", "numpy", "numba", "torch", "mitsuba", "drjit", "safetensors")


def lessons(folder: Path, n_scenes: int, held_out: int) -> None:
    """Make what is missing of the targets and features of some scenes, with a bar on standard error.

    Scenes to train on have seeds from 0, those kept for the score from dataset.HELD_OUT_FROM. Raises TeacherError,
    DatasetError or OutputError.
    """
    seeds = [*range(n_scenes), *range(dataset.HELD_OUT_FROM, dataset.HELD_OUT_FROM + held_out)]
    check_writable(folder / "lessons")
    columns = (TextColumn("[bold]{task.description}[/]"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for task, make in (("path-tracing targets", _target), ("computing features", _feature)):
            bar = progress.add_task(task, total=len(seeds))
            for seed in seeds:
                make(folder, seed)
                progress.advance(bar)


def _target(folder: Path, seed: int) -> None:
    if not dataset.target_path(folder, seed).exists():
        dataset.save_targets(folder, dataset.trace_targets(seed))


def _feature(folder: Path, seed: int) -> None:
    if not dataset.feature_path(folder, seed).exists():
        dataset.save_features(folder, seed, dataset.compute_features(dataset.load_targets(folder, seed)))


def train(folder: Path, out: Path, minutes: float, seed: int, command: str) -> dict[str, object]:
    """Train on a folder's lessons, write weights, and their record beside and into them; returns the record.

    Raises DatasetError or OutputError.
    """
    check_writable(out)
    from engine.teach import train as training  # torch takes a second to import

    metadata = training.train(folder, out, minutes, seed, command)
    record = config_record(command, seed, minutes, out, metadata)
    stamp(out, record)
    return record


def config_record(
    command: str, seed: int, minutes: float, weights: Path, metadata: Mapping[str, object]
) -> dict[str, object]:
    """Everything that somebody needs to make such weights again, but for the machine."""
    from engine.teach import train as training

    with safe_open(weights, "numpy") as file:
        shapes = {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}  # noqa: SIM118
    return {
        "command": command,
        "seed": seed,
        "minutes": minutes,
        "lessons": {
            "faces": dataset.FACES,
            "spp": dataset.SPP,
            "suns": dataset.SUNS,
            "patch_m": dataset.PATCH_M,
            "held_out_from": dataset.HELD_OUT_FROM,
            "scenes_digest": _digest_of_source(scenes.__file__),
        },
        "training": {
            "batch": training.BATCH,
            "learning_rate": training.LEARNING_RATE,
            "device": metadata["device"],
        },
        "shapes": shapes,
        "versions": {"python": platform.python_version(), **versions()},
        "result": dict(metadata),
    }


def stamp(weights: Path, record: Mapping[str, object]) -> None:
    """Put a record into the metadata of weights, as `config`, and beside them as JSON; renew their digest.

    Raises WeightsError if there are no weights, OutputError if they cannot be written.
    """
    text = json.dumps(record, indent=2, sort_keys=True)
    try:
        with safe_open(weights, "numpy") as file:
            notes = dict(file.metadata() or {})
        tensors = load_file(weights)
    except Exception as error:  # safetensors raises errors of its own, of no common kind
        raise WeightsError(f"{weights}: no usable weights to put a record in ({error})") from None
    try:
        fresh = weights.with_suffix(".tmp")
        save_file(tensors, fresh, {**notes, "config": json.dumps(record, sort_keys=True)})
        fresh.chmod(0o644)  # safetensors makes files that only their owner may read
        digest = hashlib.blake2b(fresh.read_bytes(), digest_size=16).hexdigest()
        fresh.replace(weights)
        weights.with_suffix(".blake2b").write_text(f"{digest}  {weights.name}\n")  # the loader looks at this
        weights.with_suffix(".json").write_text(text + "\n")
    except OSError as error:
        raise OutputError(f"{weights}: the weights cannot be written ({error.strerror})") from None


def versions() -> dict[str, str]:
    """Versions of the packages that have a say in the weights, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _digest_of_source(file: str | None) -> str:
    """A digest of the scene generator: equal seeds make equal scenes only while this is equal."""
    path = Path(file or "")
    sources = sorted(path.parent.glob("*.py")) if path.name == "__init__.py" else [path]
    return hashlib.blake2b(b"".join(p.read_bytes() for p in sources), digest_size=8).hexdigest()
