"""Training: fit the network's 612 numbers to the lessons, resumable, and score it on unseen scenes.

On CUDA where torch finds it, else on one thread of the processor.
"""

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from engine.teach.dataset import (
    HELD_OUT_FROM,
    SUNS,
    DatasetError,
    feature_path,
    load_features,
    load_targets,
    target_seeds,
)
from engine.teach.network import IrradianceNetwork

BATCH = 4096  # faces of a step, drawn from all scenes
LEARNING_RATE = 2e-3
WARM_UP = 200  # steps
SMOOTHING = 0.998  # of the averaged weights that are shipped
FLOOR = {"sky": 0.05, "sun": 0.02, "lamps": 0.02}  # e below which an error counts as absolute, not relative
LARGEST_LOSS = 50.0  # of one face: a firefly of the path tracer must not steer
CHECKPOINT_S = 60.0
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Lessons:
    """Faces of many scenes; rows of all tensors belong together. Light has 16 bits."""

    share: Tensor  # [N, 3, 4] of rays, by width and bin of distance
    moment: Tensor  # [SUNS + 2, N, 3, 4, 3] e that they bring
    probe: Tensor  # [SUNS + 2, N, 3] e of the classical look
    e: Tensor  # [SUNS + 2, N, 3] what the teacher says

    def on(self, device: torch.device) -> "Lessons":
        """The same lessons in a device's memory."""
        return Lessons(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def load_lessons(folder: Path, seeds: Sequence[int]) -> Lessons:
    """Read the lessons of some scenes."""
    rows: list[tuple[Tensor, ...]] = []
    for seed in seeds:
        targets, features = load_targets(folder, seed), load_features(folder, seed)
        parts = (features.share, features.moment, features.probe, targets.e.astype(np.float16))
        rows.append(tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))
    if not rows:
        raise DatasetError(f"{folder}: no lessons; make targets and features first")
    columns = list(zip(*rows, strict=True))
    return Lessons(*(torch.cat(column, 0 if i < 1 else 1) for i, column in enumerate(columns)))


def split(folder: Path) -> tuple[list[int], list[int]]:
    """Seeds that have both targets and features: those to train on, and those held out for the score."""
    ready = [seed for seed in target_seeds(folder) if feature_path(folder, seed).exists()]
    return [s for s in ready if s < HELD_OUT_FROM], [s for s in ready if s >= HELD_OUT_FROM]


def relative_loss(e: Tensor, truth: Tensor, floor: Tensor) -> Tensor:
    """Mean squared error relative to the predicted brightness, per source: e, truth [n, S, 3], floor [S] -> [S].

    Dividing by the prediction, not the noisy target, keeps the best fit at the target's mean (Lehtinen et al.,
    "Noise2Noise", 2018, section 3.4 use the same loss for Monte Carlo pictures).
    """
    brightness = e.detach().clamp(min=0).mean(2, keepdim=True)
    error = (e - truth) ** 2 / (brightness**2 + floor.view(1, -1, 1) ** 2)
    return error.clamp(max=LARGEST_LOSS).mean((0, 2))


def score(network: IrradianceNetwork | None, lessons: Lessons) -> dict[str, float]:
    """Root mean square error of e against the teacher, by source, clipped at 8; None scores the classical weights."""
    errors: dict[str, list[float]] = {"sky": [], "sun": [], "lamps": []}
    with torch.no_grad():
        for s in range(len(lessons.e)):
            total, rows = 0.0, torch.arange(len(lessons.share), device=lessons.share.device)
            for k in rows.split(16384):
                if network is None:
                    e = lessons.probe[s, k].float()
                else:
                    e = network(lessons.moment[s, k].float(), lessons.share[k])
                total += float(((e.clamp(0, 8) - lessons.e[s, k].float().clamp(0, 8)) ** 2).sum())
            errors[_kind(s)].append(total / (len(rows) * 3))
    return {kind: math.sqrt(float(np.mean(parts))) for kind, parts in errors.items()}


def train(
    folder: Path, out: Path, minutes: float = 15.0, seed: int = 0, command: str = "", quiet: bool = False
) -> dict[str, object]:
    """Train on a folder of lessons for some minutes of processor time and write weights to `out` (safetensors).

    The digest of `out` is written beside it, and every minute a checkpoint, which is continued if it is there with the
    same seed and removed at the end. Returns the metadata that is written with the weights: scenes, steps, the scores
    of network and classical.
    """
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    seeds, held_out = split(folder)
    lessons = load_lessons(folder, seeds).on(device)
    torch.manual_seed(seed)
    run = _Run(seed, device)
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        run.resume(checkpoint)
    columns = (TextColumn("[bold]training[/]"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, quiet=quiet)) as progress:
        task = progress.add_task("", total=minutes * 60, note="")
        last, since = time.process_time(), 0.0
        recent = np.zeros(3)
        while run.elapsed_s < minutes * 60:
            losses = run.step(lessons, run.elapsed_s / (minutes * 60))
            recent = losses if run.steps == 1 else recent + 0.01 * (losses - recent)
            now = time.process_time()
            run.elapsed_s, since, last = run.elapsed_s + now - last, since + now - last, now
            if run.steps % 50 == 0:
                note = "step {} loss sky {:.3f} sun {:.3f} lamps {:.3f}".format(run.steps, *recent)
                progress.update(task, completed=run.elapsed_s, note=note)
            if since > CHECKPOINT_S:
                run.save(checkpoint)
                since = 0.0
    metadata: dict[str, object] = {
        "command": command,
        "seed": seed,
        "scenes": len(seeds),
        "faces": len(lessons.share),
        "steps": run.steps,
        "minutes": round(run.elapsed_s / 60, 2),
        "held_out_scenes": len(held_out),
        "device": device.type,
    }
    if held_out:
        exam = load_lessons(folder, held_out).on(device)
        metadata["rmse_network"], metadata["rmse_classical"] = score(run.average, exam), score(None, exam)
    out.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in run.average.state_dict().items()}
    notes = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    save_file(tensors, out, notes)
    out.chmod(0o644)  # safetensors makes files that only their owner may read
    digest = hashlib.blake2b(out.read_bytes(), digest_size=16).hexdigest()
    out.with_suffix(".blake2b").write_text(f"{digest}  {out.name}\n")  # the loader refuses a file of another digest
    checkpoint.unlink(missing_ok=True)
    return metadata


class _Run:
    """Everything that changes while training."""

    def __init__(self, seed: int, device: torch.device = CPU) -> None:
        self.seed, self.device, self.steps, self.elapsed_s = seed, device, 0, 0.0
        self.network, self.average = IrradianceNetwork().to(device), IrradianceNetwork().to(device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.Adam(self.network.parameters(), LEARNING_RATE, betas=(0.9, 0.99))

    def step(self, lessons: Lessons, progress: float) -> np.ndarray:
        """One step at `progress` 0..1 of the schedule; returns the losses of sky, sun and lamps."""
        rng = np.random.default_rng([self.seed, self.steps])
        rows = torch.from_numpy(rng.integers(0, len(lessons.share), BATCH)).to(self.device)
        sources = [0, 1 + int(rng.integers(SUNS)), SUNS + 1]
        light = torch.stack([lessons.moment[s, rows] for s in sources], 3).float()  # [n, 3, 4, 3 sources, rgb]
        truth = torch.stack([lessons.e[s, rows] for s in sources], 1).float()
        e = self.network(light.flatten(3), lessons.share[rows]).view(-1, 3, 3)
        losses = relative_loss(e, truth, torch.tensor([FLOOR[_kind(s)] for s in sources], device=self.device))
        rate = LEARNING_RATE * min(1, (self.steps + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, progress)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate + 1e-5
        self.optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        keep = min(SMOOTHING, self.steps / (self.steps + 20))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(value, 1 - keep)
        return losses.detach().cpu().numpy()

    def save(self, path: Path) -> None:
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            state = self.optimiser.state[parameter]
            tensors |= {f"mean.{name}": state["exp_avg"], f"square.{name}": state["exp_avg_sq"]}
        fresh = path.with_suffix(".tmp")
        notes = {"seed": str(self.seed), "steps": str(self.steps), "elapsed_s": repr(self.elapsed_s)}
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, fresh, notes)
        fresh.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint; one of another seed is refused."""
        with safe_open(path, "pt") as file:
            notes = file.metadata()
            if notes["seed"] != str(self.seed):
                raise DatasetError(
                    f"{path}: a checkpoint of seed {notes['seed']}, not {self.seed}; delete it to start anew"
                )
            read = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        self.steps, self.elapsed_s = int(notes["steps"]), float(notes["elapsed_s"])
        for part, module in (("network", self.network), ("average", self.average)):
            module.load_state_dict({k: read[f"{part}.{k}"] for k, _ in module.state_dict().items()})
        for name, parameter in self.network.named_parameters():
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(self.steps)),
                "exp_avg": read[f"mean.{name}"].to(self.device, copy=True),
                "exp_avg_sq": read[f"square.{name}"].to(self.device, copy=True),
            }


def _kind(source: int) -> str:
    """Which light a source of Targets.e is."""
    return "sky" if source == 0 else "lamps" if source == SUNS + 1 else "sun"
