"""No world file reaches out: known escapes are refused, and an audit hook sees what reading and running one touches."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.errors import DaguerreError
from engine.script.worldfile import load
from engine.sim.step import step
from engine.state.world import new_state
from tests.script.authoring import BASE, written

ROOT = Path(__file__).parent.parent.parent
ESCAPES = [
    'x = "".__class__',
    'x = "".__class__.__mro__[1].__subclasses__()',
    "x = ().__class__.__bases__[0].__subclasses__()",
    'x = fill.__globals__["__builtins__"]',
    "x = fill.__wrapped__",
    "x = fill.call",
    'x = getattr(fill, "call")',
    'x = getattr("", "__cl" + "ass__")',
    'x = hasattr(fill, "call")',
    "x = dir(fill)",
    "x = vars(fill)",
    "x = globals()",
    "x = __builtins__",
    "x = __import__('os')",
    "import os",
    "from os import system",
    'x = eval("1")',
    'exec("import os")',
    'x = compile("1", "x", "eval")',
    'x = open("/etc/passwd")',
    'x = "{0.__class__}".format(fill)',
    'x = "{0.__class__.__init__.__globals__}".format(fill)',
    'x = "{0[__class__]}".format(fill)',
    'x = "{f.__code__}".format(f = fill)',
    'x = "%(__class__)s" % {}',
    "f = 3\nx = f'{f.__class__}'",
    "f = 3\nx = f'{f!r:>{f}}'",
    'x = str.format("{0.__class__}", fill)',
    'x = "".join.__self__',
    "x = (lambda: 0).__code__",
    "x = (lambda: 0).__globals__",
    "def f(): yield 1\nx = f().gi_frame",
    "x = [c for c in ().__class__.__bases__]",
    "x = type(fill)()",
    "x = type('X', (), {})",
    "@fill\ndef f(): pass",
    "class X: pass",
    "try:\n    fill()\nexcept Exception as e:\n    x = e.__traceback__",
    "with fill as f: pass",
    "async def f(): await fill",
    "x = lambda *a: (yield)",
    "(x := fill)",
    "del fill",
    "global fill",
    'load("../x.star", "y")',
    'load("/etc/passwd", "y")',
    'load("/etc/passwd\\0.star", "y")',
    'load("lib/../../x.star", "y")',
    'load("..\\\\x.star", "y")',
    'load("file:///etc/passwd.star", "y")',
    'load("link.star", "y")',
    'load("folder.star", "y")',
    'load("test.star" + "", "y")',
    'load("a.star", "_hidden")',
    "x = '\\N{BULLET}'",
    "# coding: utf-7\nx = +AGEAYgBj",
    "x = b'bytes'",
    "x = 1j",
    "x = ...",
    "x = '\\ud800'",
    "x = chr(0xD800)",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_known_escape_is_refused(tmp_path: Path, escape: str) -> None:
    (tmp_path / "x.star").write_text("y = 1\n")
    world = tmp_path / "world"
    (world / "folder.star").mkdir(parents=True)
    (world / "a.star").write_text("_hidden = 1\n")
    (world / "link.star").symlink_to(tmp_path / "x.star")
    with pytest.raises(DaguerreError) as caught:
        load(written(world, escape))
    assert "inside the engine" not in str(caught.value)


@pytest.mark.parametrize("escape", [e for e in ESCAPES if "\n" not in e and "load(" not in e])
def test_a_known_escape_is_refused_in_a_handler_too(tmp_path: Path, escape: str) -> None:
    text = f"def act():\n    {escape}\non('start', act)\n"
    try:
        world = load(written(tmp_path, text))
    except DaguerreError:
        return
    state = new_state(world.blueprint)
    step(world.blueprint, state, (), world.script)
    assert state.disabled == {"act"}


AUDITED = """
import json, sys
from pathlib import Path
import numpy
import engine.script.worldfile as worldfile
from engine.sim.step import step
from engine.state import snapshot
from engine.state.world import new_state
seen = []
folder = str(Path(sys.argv[1]).parent)
def watch(event, args):
    if event in ("open", "exec", "compile", "import", "os.system", "os.exec", "os.fork", "os.posix_spawn",
                 "ctypes.dlopen", "subprocess.Popen", "socket.__new__", "socket.connect", "pickle.find_class",
                 "marshal.loads", "os.remove", "os.rename", "os.mkdir", "os.listdir", "os.scandir"):
        seen.append((event, [str(a)[:200] for a in args]))
def everything():
    for path in sys.argv[1:]:
        try:
            world = worldfile.load(path)
        except Exception as error:
            print("refused", error, file=sys.stderr)
            continue
        state = new_state(world.blueprint)
        for _ in range(70):
            step(world.blueprint, state, (), world.script)
everything()  # what the engine itself imports late, compiled kernels among it, is there now
sys.addaudithook(watch)
everything()
found, seen = list(seen), []
print(json.dumps(found))
"""


def test_an_audit_hook_sees_only_the_world_s_own_files_being_read(tmp_path: Path) -> None:
    """Parsing raises the event "compile", for a tree: no code is made of it, so no "exec" of it can follow."""
    (tmp_path / "part.star").write_text('def greet():\n    say("Good day.")\n')
    world = written(
        tmp_path,
        'load("part.star", "greet")\nload("lib/things.star", "pot")\npot("stone", "stone")\non("start", greet)\n'
        'def work():\n    spawn_at("crate", (4, 4, 1))\n    emit("own", random())\n'
        'on("tick", work)\ndef bad(x): x.__class__()\ndef own(x): y = "{0.a}".format(x)\non("own", own)\n',
        BASE,
    )
    bad = tmp_path / "bad.star"
    bad.write_text("x = ().__class__\n")
    program = [sys.executable, "-c", AUDITED, str(world), str(world), str(bad), "town"]
    answer = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    events = ast.literal_eval(answer.stdout.replace("null", "None"))
    texts = [args for event, args in events if event == "open"]
    assert texts and all(name.endswith(".star") and mode in ("rb", "r", "None") for name, mode, *_ in texts)
    assert {Path(name).parent for name, *_ in texts} <= {tmp_path, ROOT / "worlds", ROOT / "worlds" / "lib"}
    others = [(event, args) for event, args in events if event not in ("open", "compile")]
    assert [row for row in others if row[0] not in ("os.listdir", "os.scandir")] == []
    assert all(args[1].endswith(".star") for event, args in events if event == "compile")


def test_nothing_of_the_engine_can_run_a_text_or_a_pickle() -> None:
    """Names that turn data into code, anywhere in the engine; the checks of test_house.py find the imports."""
    forbidden = {"eval", "exec", "compile", "__import__", "import_module"}
    attributes = {"yaml.load", "torch.load", "pickle.loads", "pickle.load", "marshal.loads", "importlib.import_module"}
    found = []
    for file in sorted((ROOT / "engine").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in forbidden or (name in attributes and not ("teach" in file.parts and "import" in name)):
                found.append(f"{file.name}:{node.lineno} {name}")
            if name in ("np.load", "numpy.load") and not any(
                k.arg == "allow_pickle" and isinstance(k.value, ast.Constant) and k.value.value is False
                for k in node.keywords
            ):
                found.append(f"{file.name}:{node.lineno} {name} without allow_pickle=False")
    assert found == []
