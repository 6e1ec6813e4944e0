"""What can be said about a world file beyond its language: handlers that fit no event, likely mistakes."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from engine.core.errors import DaguerreError, WorldFileError
from engine.core.units import AIR, VOXEL_M
from engine.script.draft import Draft
from engine.script.reading import Source, error_at, read
from engine.script.sandbox import Sandbox
from engine.script.values import hint
from engine.state import events
from engine.state.blueprint import Blueprint
from engine.state.bricks import materials_in
from engine.state.entities import player_fits

ANYTHING = "*"  # no event can have this name in `_sent`: it stands for any
NAMED_LATER = re.compile(r"there is no \w+ named '(?P<name>[^']*)'")


def with_line_of_later(error: WorldFileError, shown: str, main: str) -> WorldFileError:
    """The same error; where a name is missing that the file declares further down, it says so."""
    missing = NAMED_LATER.match(error.message)
    if missing is None or error.line is None or error.file != shown:
        return error
    declared = re.compile(rf"\b(?:material|prefab)\(\s*[\"']{re.escape(missing['name'])}[\"']")
    for number, line in enumerate(main.splitlines(), 1):
        if number > error.line and declared.search(line):
            message = f"{error.message.split(';')[0]} yet: it is declared in line {number}; move that above this"
            return WorldFileError(message, error.file, error.line, error.column, error.excerpt)
    return error


def check_handlers(draft: Draft, box: Sandbox, shown: str) -> None:
    """WorldFileError for an on(...) whose handler is no function, whose event never comes, or where they do not fit."""
    sent: set[str] | None = None
    for event, names in draft.handlers.items():
        arguments = arguments_of(event)
        for name in names:
            function = box.function(name)
            place = draft.said_at.get(("on", event, name)) or draft.said_at.get(("on", event)) or (shown, 0, 0)
            text = box.texts.get(place[0], "")
            if function is None:
                if name == "lambda":
                    message = f"on('{event}', ...) takes a handler with a name: write it as a def, and its name here"
                    raise error_at(message, place, text)
                why = (
                    "starts with an underscore, which hides it"
                    if name.startswith("_")
                    else "is no function of this file"
                )
                near = hint(name, box.functions())
                raise error_at(f"on('{event}', ...) names the handler '{name}', which {why}{near}", place, text)
            if arguments is None and sent is None:
                sent = _sent(box)
            if arguments is None and sent is not None and event not in sent and ANYTHING not in sent:
                near = hint(event, [*events.KINDS, "tick"])
                raise error_at(f"there is no event '{event}', and no emit('{event}') sends it{near}", place, text)
            if arguments is not None and not function.accepts(len(arguments)):
                gives = f"{len(arguments)} ({', '.join(arguments)})" if arguments else "none"
                raise error_at(f"the event '{event}' gives {gives}; {function.takes()} does not take that", place, text)


def arguments_of(event: str) -> tuple[str, ...] | None:
    """What an event of the world gives its handlers; None for an event of the author's own."""
    if event == "tick":
        return ()
    described = events.KINDS.get(event)
    if described is None:
        return None
    inside = described[described.index("(") + 1 : described.index(")")]
    return tuple(a for a in inside.split(", ") if a)


def _sent(box: Sandbox) -> set[str]:
    """The events that emit(...) names anywhere in the world's files; ANYTHING where only running will tell."""
    found = set()
    for source in sources(box):
        for call in _calls(source, "emit"):
            first = call.args[0] if call.args else None
            is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
            found.add(str(first.value) if is_text and isinstance(first, ast.Constant) else ANYTHING)
    return found


def sources(box: Sandbox) -> Iterator[Source]:
    """All files of a world that can be read."""
    for name, text in box.texts.items():
        try:
            yield read(name, text)
        except DaguerreError:
            continue


def _calls(source: Source, function: str) -> Iterator[ast.Call]:
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def suspicions(blueprint: Blueprint, draft: Draft, box: Sandbox, shown: str) -> list[WorldFileError]:
    """What loads and is probably a mistake all the same."""
    return [
        *_places(blueprint, draft, box, shown),
        *_names(draft, box),
        *_unused(box, shown),
        *_idle(blueprint, draft, box, shown),
    ]


def _places(blueprint: Blueprint, draft: Draft, box: Sandbox, shown: str) -> Iterator[WorldFileError]:
    """Cameras in walls, a player where nobody can stand."""
    for camera in blueprint.cameras:
        place = draft.said_at.get(("camera", camera.name), (shown, 0, 0))
        for eye in camera.position.tolist():
            if (name := _solid_at(blueprint, eye)) is not None:
                spot = ", ".join(f"{v:g}" for v in eye)
                yield error_at(f"camera '{camera.name}' stands inside '{name}' at ({spot})", place, box.texts[place[0]])
                break
    place = draft.said_at.get(("player",), (shown, 0, 0))
    feet = blueprint.player_start
    if not player_fits(blueprint, feet):
        size = ", ".join(f"{v:g}" for v in blueprint.size_m)
        yield error_at(
            f"the player starts at {feet}, too near the edge of this world of ({size}) m; it needs 0.5 m around it",
            place,
            box.texts[place[0]],
        )
    elif (name := _solid_at(blueprint, (feet[0], feet[1], feet[2] + 0.9))) is not None:
        yield error_at(f"the player starts inside '{name}'; put its feet into the air", place, box.texts[place[0]])


def _solid_at(blueprint: Blueprint, position: tuple[float, float, float] | list[float]) -> str | None:
    """The material at a point, None for air and outside of the grid."""
    cell = tuple(int(np.floor(v / VOXEL_M)) for v in position)
    if not all(0 <= c < n for c, n in zip(cell, blueprint.voxels.shape, strict=True)):
        return None
    material = int(blueprint.voxels[cell])
    return None if material == AIR else blueprint.materials.names[material]


def _names(draft: Draft, box: Sandbox) -> Iterator[WorldFileError]:
    """find("...") of a name that no spawn has, where handlers name nothing themselves."""
    files = list(sources(box))
    spawned = [call for source in files for call in _calls(source, "spawn_at")]
    if any(len(call.args) > 2 or any(k.arg in ("name", None) for k in call.keywords) for call in spawned):
        return
    known = {*draft.spawn_names, "player"}
    for source in files:
        for call in _calls(source, "find"):
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value not in known:
                message = f"nothing is spawned with the name '{first.value}'{hint(first.value, known)}"
                yield error_at(message, source.place(call), source.text)


def _unused(box: Sandbox, shown: str) -> Iterator[WorldFileError]:
    """Functions of the main file that nothing calls and no on(...) names."""
    source = read(shown, box.texts[shown])
    used = {node.id for node in source.nodes if isinstance(node, ast.Name)}
    used |= {n.value for n in source.nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    for statement in source.tree.body:
        if isinstance(statement, ast.FunctionDef) and statement.name not in used:
            message = f"nothing calls {statement.name}(); name it in on(event, {statement.name}), or take it out"
            yield error_at(message, source.place(statement), source.text)


def _idle(blueprint: Blueprint, draft: Draft, box: Sandbox, shown: str) -> Iterator[WorldFileError]:
    """What the main file declares and no file ever names again, and the world has not got either."""
    said = Counter(
        node.value
        for source in sources(box)
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    kept = {
        call.lineno: call
        for source in sources(box)
        if source.name == shown
        for statement in source.nodes
        if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call)
    }  # calls whose result nobody takes
    laid = {blueprint.materials.names[i] for i in materials_in(blueprint.voxels)}
    laid |= {blueprint.materials.names[i] for p in blueprint.prefabs for i in np.unique(p.material)}
    used = {
        "material": laid,
        "prefab": {blueprint.prefabs[spawn.prefab].name for spawn in blueprint.spawns if spawn.prefab >= 0},
        "trigger": set(draft.triggers) if {"enter", "leave"} & draft.handlers.keys() else set(),
        "place": set(),
        "goal": set(),
        "var": set(),
    }
    for (function, *names), place in draft.said_at.items():
        if function not in used or place[0] != shown or not names or names[0] in used[function]:
            continue
        if said[names[0]] == 1 and place[1] in kept:
            why = "no on('enter', ...) or on('leave', ...) asks for it" if function == "trigger" else "nothing uses it"
            yield error_at(f"{function} '{names[0]}': {why}", place, box.texts[shown])
