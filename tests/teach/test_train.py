import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from engine.light.network import SHAPES, load
from engine.teach import train
from engine.teach.dataset import DatasetError
from tests.teach.lessons_for_tests import SEEDS


@pytest.fixture
def lessons(lessons_folder):
    return train.load_lessons(lessons_folder, SEEDS[:1])


def test_lessons_are_split_by_seed(lessons_folder):
    assert train.split(lessons_folder) == ([SEEDS[0]], [SEEDS[1]])


def test_lessons_of_many_scenes_are_laid_end_to_end(lessons_folder):
    both = train.load_lessons(lessons_folder, SEEDS)
    one = train.load_lessons(lessons_folder, SEEDS[1:])
    n = len(one.share)
    assert len(both.share) == 2 * n and both.moment.shape == (train.SUNS + 2, 2 * n, 3, 4, 3)
    for name in ("moment", "probe", "e"):
        torch.testing.assert_close(getattr(both, name)[:, n:], getattr(one, name))
    torch.testing.assert_close(both.share[n:], one.share)


def test_training_finds_what_there_is_to_find(lessons):
    """If the truth is what a face's own rays bring, far light too, some steps get most of the way there."""
    lessons = replace(lessons, e=lessons.moment[:, :, 0].float().sum(2).half())
    torch.manual_seed(0)
    run = train._Run(0)
    before = train.score(run.network, lessons)
    for _ in range(400):
        run.step(lessons, 0.2)
    after = train.score(run.average, lessons)
    assert after["sky"] < 0.5 * before["sky"]
    assert after["sun"] < 0.5 * before["sun"]


def test_training_finds_what_depends_on_distance(lessons):
    """Faces whose rays end near trust them, the others those around: only the network's inputs can tell."""
    near = lessons.share[:, 0, :2].sum(1)
    own, wide = lessons.moment[:, :, 0].float().sum(2), lessons.moment[:, :, 2].float().sum(2)
    lessons = replace(lessons, e=(near[None, :, None] * own + (1 - near)[None, :, None] * wide).half())
    torch.manual_seed(0)
    run = train._Run(0)
    before = train.score(run.network, lessons)
    for _ in range(400):
        run.step(lessons, 0.2)
    assert near.std() > 0.1
    assert train.score(run.average, lessons)["sky"] < 0.5 * before["sky"]


def test_scores_are_root_mean_square_errors_by_kind_of_light(lessons):
    shifted = lessons.probe.float().clamp(0, 7)
    shifted[0] += 0.5
    lessons = replace(lessons, probe=lessons.probe.float().clamp(0, 7).half(), e=shifted.half())
    scores = train.score(None, lessons)
    assert scores["sky"] == pytest.approx(0.5, rel=1e-2)
    assert scores["sun"] == scores["lamps"] == 0.0


def test_a_resumed_run_goes_on_as_if_nothing_happened(lessons, tmp_path):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    straight = train._Run(3)
    for _ in range(6):
        straight.step(lessons, 0.1)
    torch.manual_seed(0)
    first = train._Run(3)
    for _ in range(3):
        first.step(lessons, 0.1)
    first.save(tmp_path / "run.checkpoint")
    torch.manual_seed(99)
    second = train._Run(3)
    second.resume(tmp_path / "run.checkpoint")
    for _ in range(3):
        second.step(lessons, 0.1)
    for name, value in straight.average.state_dict().items():
        torch.testing.assert_close(second.average.state_dict()[name], value, rtol=0, atol=0)


def test_a_checkpoint_of_another_seed_is_refused(lessons, tmp_path):
    run = train._Run(3)
    run.step(lessons, 0.1)
    run.save(tmp_path / "run.checkpoint")
    with pytest.raises(DatasetError, match="a checkpoint of seed 3, not 4"):
        train._Run(4).resume(tmp_path / "run.checkpoint")


def test_train_writes_weights_that_the_engine_loads(lessons_folder, tmp_path):
    out = tmp_path / "weights" / "irradiance.safetensors"
    metadata = train.train(lessons_folder, out, minutes=0.03, seed=1, command="a test", quiet=True)
    network = load(out)  # checks shapes, finiteness and the digest beside it
    assert network.w1.shape == (12, 24)
    with safe_open(out, "np") as file:
        notes = file.metadata()
        assert set(file.keys()) == set(SHAPES)
    assert notes["command"] == "a test" and json.loads(notes["seed"]) == 1
    assert json.loads(notes["steps"]) == metadata["steps"] > 0
    assert (
        json.loads(notes["rmse_network"]).keys()
        == json.loads(notes["rmse_classical"]).keys()
        == {"sky", "sun", "lamps"}
    )
    assert not out.with_suffix(".checkpoint").exists()


def test_a_folder_without_lessons_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="no lessons; make targets and features first"):
        train.train(tmp_path, tmp_path / "out.safetensors", minutes=0.01, quiet=True)


def test_the_loss_is_least_at_the_mean_of_noisy_targets():
    """What makes few samples per target enough."""
    generator = torch.Generator().manual_seed(0)
    noisy = 0.5 * torch.rand(20_000, 1, 3, generator=generator) * 2  # mean 0.5
    floor = torch.tensor([0.05])
    losses = []
    for value in (0.4, 0.5, 0.6):
        e = torch.full((20_000, 1, 3), value, requires_grad=True)
        train.relative_loss(e, noisy, floor).sum().backward()
        losses.append(float(e.grad.mean()))
    assert losses[0] < 0 < losses[2]
    assert abs(losses[1]) < 0.05 * losses[2]
