"""Which names a file and its functions bind, found before anything runs."""

import ast


class Scope:
    """The names of one function, or of one file, while it is compiled."""

    def __init__(self, up: "Scope | None", names: set[str]) -> None:
        self.up, self.names = up, names
        self.renamed: list[dict[str, str]] = []  # the variables of comprehensions that are open now

    def key_of(self, name: str) -> str | None:
        """The key under which a frame of this scope holds a name, None where it does not."""
        for names in reversed(self.renamed):
            if name in names:
                return names[name]
        return name if name in self.names else None


def targets_of(node: ast.expr) -> set[str]:
    """Names that an assignment to a target binds."""
    if isinstance(node, ast.Tuple | ast.List):
        return set().union(*(targets_of(e) for e in node.elts)) if node.elts else set()
    return {node.id} if isinstance(node, ast.Name) else set()


def bound_names(body: list[ast.stmt]) -> set[str]:
    """Names that a body binds in its own scope."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.Assign):
            found |= targets_of(statement.targets[0])
        elif isinstance(statement, ast.AugAssign):
            found |= targets_of(statement.target)
        elif isinstance(statement, ast.FunctionDef):
            found.add(statement.name)
        elif isinstance(statement, ast.For):
            found |= targets_of(statement.target) | bound_names(statement.body)
        elif isinstance(statement, ast.If):
            found |= bound_names(statement.body) | bound_names(statement.orelse)
        elif (load := loaded_by(statement)) is not None:
            found |= set(load[1])
    return found


def loaded_by(statement: ast.stmt) -> tuple[str, dict[str, str]] | None:
    """The file of a load("file.star", "name", other = "name"), and its names there by the names they get here."""
    if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
        return None
    call = statement.value
    if not (isinstance(call.func, ast.Name) and call.func.id == "load"):
        return None
    values = [*call.args, *(k.value for k in call.keywords)]
    if not call.args or not all(isinstance(v, ast.Constant) and isinstance(v.value, str) for v in values):
        return "", {}
    texts = [str(v.value) for v in values if isinstance(v, ast.Constant)]
    names = {name: name for name in texts[1 : len(call.args)]}
    return texts[0], names | {str(k.arg): t for k, t in zip(call.keywords, texts[len(call.args) :], strict=True)}
