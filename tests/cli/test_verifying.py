"""`verify`: a line a law, one command that shows a failure again, exit codes."""

import json
import shlex
from pathlib import Path

from tests.cli.conftest import Daguerre
from tests.script.authoring import BASE


def test_verify_answers_with_a_line_for_each_law(daguerre: Daguerre) -> None:
    answer = daguerre("verify", "courtyard", "--ticks", "6", "--law", "saves", "--law", "caps", "--law", "numbers")
    assert answer.code == 0 and [line.split()[:2] for line in answer.out.splitlines()] == [
        ["holds", "saves"],
        ["holds", "caps"],
        ["holds", "numbers"],
    ]


def test_a_stranger_s_broken_world_is_answered_with_the_command_that_shows_it_again(
    daguerre: Daguerre, tmp_path: Path
) -> None:
    late = 'def late(name):\n    fail("ouch")\ndef begin():\n    start_timer("t", 0.1)\n'
    late += 'on("start", begin)\non("timer", late)\n'
    (tmp_path / "late.star").write_text(BASE + late)
    answer = daguerre(
        "verify", "late.star", "--ticks", "30", "--seed", "5", "--law", "scripts", "--law", "caps", "--json"
    )
    result = json.loads(answer.out)
    assert answer.code == 1 and not result["ok"] and result["seed"] == 5
    (broken,) = [row for row in result["laws"] if not row["ok"]]
    assert broken["law"] == "scripts" and "late failed and was switched off" in broken["problem"]
    words = shlex.split(broken["again"])
    assert words[0] == "daguerre" and daguerre(*words[1:]).code == 1
    fewer = [*words[1:-1], str(int(words[-1]) - 2)]
    assert daguerre(*fewer).code == 0, "two ticks fewer do not show it"


def test_verify_names_the_laws_that_there_are(daguerre: Daguerre) -> None:
    answer = daguerre("verify", "courtyard", "--law", "gravity")
    assert answer.code == 1 and "there is no law 'gravity'; there are same, saves" in answer.err
    assert daguerre("verify", "nowhere.star").code == 2
