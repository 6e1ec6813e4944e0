"""What beginners do: each mistake is answered by one message that says where, what is wrong and what would be right."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.script.worldfile import check
from tests.script.authoring import NEXT_LINE, written


@dataclass(frozen=True)
class Mistake:
    """Lines of a world, the place of the mistake in them (1-based), and what the answer must say."""

    lines: str
    line: int
    column: int
    answer: str


GATE = 'spawn(name = "gate", door = door((4, 4, 1), (4.25, 5, 3), "stone"))\n'
BOX = "(0, 0, 0), (1, 1, 1)"
MISTAKES = {
    "a function misspelt": Mistake(f'fil({BOX}, "stone")', 1, 1, "there is no 'fil'; did you mean 'fill'?"),
    "a material misspelt": Mistake(
        f'fill({BOX}, "stnoe")', 1, 1, "there is no material named 'stnoe'; did you mean 'stone'?"
    ),
    "corners swapped": Mistake(
        'fill((4, 0, 0), (1, 1, 1), "stone")',
        1,
        1,
        "low x = 4 must be below high x = 1 (metres); are the two corners swapped?",
    ),
    "a comma forgotten after a tuple": Mistake(
        'fill((0, 0, 0) (1, 1, 1), "stone")', 1, 6, "a comma is missing after this"
    ),
    "a comma forgotten before a text": Mistake(
        'fill((0, 0, 0), (1, 1, 1) "stone")', 1, 17, "a comma is missing here, or after this"
    ),
    "= for ==": Mistake(f'x = 1\nif x = 1:\n    fill({BOX}, "stone")', 2, 4, "to compare two values write =="),
    "two numbers for three": Mistake(
        'fill((0, 0), (1, 1, 1), "stone")', 1, 1, "low must be three numbers (x, y, z), not (0, 0)"
    ),
    "a text for a number": Mistake(
        'fill((0, 0, "1"), (1, 1, 1), "stone")', 1, 1, "low z must be a number, not '1'; write 1 without quotes"
    ),
    "a handler with too few values": Mistake(
        'def greet(name):\n    say(name)\non("enter", greet)',
        3,
        1,
        "the event 'enter' gives 2 (trigger name, entity); greet(name) does not take that",
    ),
    "an event that there is not": Mistake(
        'def greet(name, who):\n    say(name)\non("entr", greet)', 3, 1, "did you mean 'enter'?"
    ),
    "an event without quotes": Mistake(
        "def act(e):\n    pass\non(use, act)", 3, 4, "the name of an event is a text: 'use'"
    ),
    "a handler called": Mistake('def act(e):\n    pass\non("use", act())', 3, 11, "act(e) is missing its value 'e'"),
    "a handler misspelt": Mistake('def act(e):\n    pass\non("use", "acct")', 3, 1, "did you mean 'act'?"),
    "a door that there is not": Mistake(
        GATE + 'def act(e):\n    open_door(find("gaet"))\non("use", act)',
        3,
        15,
        "nothing is spawned with the name 'gaet'; did you mean 'gate'?",
    ),
    "while": Mistake("i = 0\nwhile i < 3:\n    i += 1", 2, 1, "there is no `while`; use `for i in range(...)`"),
    "import": Mistake("import math", 1, 1, "there is no `import`; functions of another file come by load("),
    "a sum in an f-string": Mistake(
        'n = 3\nx = f"{n + 1} crates"', 2, 5, "between { and } of an f-string stands one name"
    ),
    "an f-string left open": Mistake('n = 3\nx = f"{n crates"', 2, 17, "this f-string cannot be read"),
    "counting with None": Mistake(
        "def f():\n    pass\nx = f() + 1", 3, 5, "None + a whole number makes no sense; a function without `return`"
    ),
    "an unknown argument": Mistake(f'fill({BOX}, "stone", colour = 3)', 1, 1, "fill() takes no argument 'colour'"),
    "a material before its declaration": Mistake(
        f'fill({BOX}, "wood")\nmaterial("wood", "#885522")',
        1,
        1,
        f"there is no material named 'wood' yet: it is declared in line {NEXT_LINE + 1}; move that above this",
    ),
    "degrees as a text": Mistake(
        'spawn("crate", at = (4, 4, 1), yaw_deg = "90")', 1, 1, "yaw_deg must be a number, not '90'; write 90 without"
    ),
    "a lamp without a size": Mistake(
        'spawn("crate", at = (4, 4, 1), lamp = lamp(size = 0))', 1, 39, "size x must lie between 0.05 and 4, not 0"
    ),
    "a lamp that is not called": Mistake(
        'spawn("crate", at = (4, 4, 1), lamp = lamp)', 1, 1, "lamp is a function, and only on(event, handler) takes one"
    ),
    "a thing outside of the world": Mistake(
        'spawn("crate", at = (20, 2, 1))',
        1,
        1,
        "at = (20.0, 2.0, 1.0) lies outside the world (0..16, 0..16, 0..8 metres)",
    ),
    "a camera inside the ground": Mistake(
        'camera("low", at = (4, 4, 0.5), look_at = (8, 8, 1))',
        1,
        1,
        "camera 'low' stands inside 'stone' at (4, 4,",
    ),
    "a function that nothing calls": Mistake(
        'def act(e):\n    say("hello")', 1, 1, "nothing calls act(); name it in on(event, act), or take it out"
    ),
    "tabs and spaces": Mistake(
        'def act(e):\n\tsay("a")\n        say("b")\non("use", act)', 3, 1, "use four spaces a level, and no tabs"
    ),
    "a colon forgotten": Mistake('def act(e)\n    say("hello")', 1, 11, "expected ':'"),
    "a body not indented": Mistake('def act(e):\nsay("hello")', 2, 1, "expected an indented block"),
    "a bracket left open": Mistake("x = [1, 2\ny = 3", 1, 5, "'[' was never closed"),
    "a text left open": Mistake('x = "abc', 1, 5, "unterminated string literal"),
    "print": Mistake('print("hello")', 1, 1, "there is no 'print'; say(text) shows a line in the world"),
    "walking over a number": Mistake("for i in 5:\n    pass", 1, 1, "range(n) counts to a number"),
    "a number joined to a text": Mistake('x = "crate " + 1', 1, 5, "str(x) makes a text of a number"),
    "a global changed by a handler": Mistake(
        'n = 0\ndef act():\n    n = n + 1\non("start", act)', 3, 9, "nassigned variable `n`"
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_by_one_message_with_its_place(tmp_path: Path, name: str) -> None:
    mistake = MISTAKES[name]
    path = written(tmp_path, mistake.lines)
    (problem,) = check(path)
    assert mistake.answer in problem.message
    assert (problem.file, problem.line, problem.column) == (str(path), NEXT_LINE - 1 + mistake.line, mistake.column)
    assert "\n" not in problem.message and len(problem.message) < 220


@pytest.mark.parametrize(
    ("base", "answer"),
    [
        ("player(at = (20, 2, 1))", "at = (20.0, 2.0, 1.0) lies outside the world"),
        ("player(at = (0.25, 2, 1))", "too near the edge of this world of (16, 16, 8) m"),
        ("player(at = (2, 2, 0))", "the player starts inside 'stone'"),
    ],
)
def test_a_player_who_cannot_stand_there(tmp_path: Path, base: str, answer: str) -> None:
    start = 'world("w", size = (16, 16, 8))\nmaterial("stone", "#888888")\nfill((0, 0, 0), (16, 16, 1), "stone")\n'
    (problem,) = check(written(tmp_path, 'camera("main", at = (1, 1, 3), look_at = (8, 8, 1))', start + base + "\n"))
    assert answer in problem.message and (problem.line, problem.column) == (4, 1)
