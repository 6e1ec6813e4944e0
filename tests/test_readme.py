"""What the README shows must work as it stands."""

import re
from pathlib import Path

from engine.core.ids import PLAYER, index_of
from engine.script.worldfile import check, load
from engine.sim.step import step
from engine.state.commands import Command
from engine.state.world import new_state

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_world_in_20_lines_is_one_and_plays(tmp_path: Path) -> None:
    text = next(b for b in BLOCKS if b.startswith("world("))
    assert len([line for line in text.splitlines() if line.strip()]) <= 20
    path = tmp_path / "lantern.star"
    path.write_text(text)
    assert check(str(path)) == []
    loaded = load(str(path))
    state = new_state(loaded.blueprint, 1)
    lantern = index_of(state.id_by_name["lantern"])
    assert not state.columns.lamp_on[lantern]
    for tick in range(300):
        commands = [Command(0, "move", {"forward": 1.0})] if tick == 0 else []
        step(loaded.blueprint, state, commands, loaded.script)
    assert state.columns.position[index_of(PLAYER), 1] > 6.0, "the player walks through the doorway"
    assert state.columns.lamp_on[lantern], "which lights the lantern"
    assert not state.disabled


def test_the_headless_example_runs(capsys: object) -> None:
    texts = [b for b in BLOCKS if b.startswith("from engine")]
    names: dict[str, object] = {}
    for text in texts:
        exec(compile(text, "README.md", "exec"), names)  # noqa: S102
    assert len(texts) == 2 and names["opening_shot"].shape == (360, 640, 3)  # type: ignore[attr-defined]
