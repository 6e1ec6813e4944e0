"""The language: the same programs give the same values here and in starlark-rust, which defines what is right."""

import itertools
from pathlib import Path

import pytest
import starlark
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import WorldFileError
from engine.script.budget import Budget
from engine.script.sandbox import Sandbox


def ours(text: str) -> object:
    """What `result` is after a text has run, as repr() writes it; None where it is refused."""
    box = Sandbox({}, lambda wanted: "")
    try:
        box.run("t.star", text + "\nresult = repr(result)\n", 100_000)
    except WorldFileError:
        return None
    return box._names["result"]


def theirs(text: str) -> object:
    """The same by starlark-rust."""
    dialect = starlark.Dialect.extended()
    dialect.enable_f_strings = True
    module = starlark.Module()
    try:
        ast = starlark.parse("t.star", text + "\nresult = repr(result)\n", dialect)
        starlark.eval(module, ast, starlark.Globals.standard())
    except starlark.StarlarkError:
        return None
    return module["result"]


PROGRAMS = [
    "def f(a, b = 2, *c, d = 4, **e): return (a, b, c, d, e)\nresult = [f(1), f(1, 3, 5, 7), f(1, d = 9, z = 0)]",
    "def f(a): return a\nresult = f()",
    "def f(a): return a\nresult = f(1, 2)",
    "def f(a): return a\nresult = f(1, a = 2)",
    "def f(): pass\nresult = f()",
    "def outer(n):\n    def inner(m): return n + m\n    return inner\nresult = outer(3)(4)",
    "result = [f(1) for f in [lambda x, k = i: x + k for i in range(3)]]",
    "x = [1, 2]\ny = x\ny += [3]\nresult = (x, y)",
    "x = (1, 2)\ny = x\ny += (3,)\nresult = (x, y)",
    "x = {'a': 1}\nx |= {'b': 2}\nx['c'] = 3\nresult = (x, x.keys(), x.values(), x.items(), 'a' in x, x.get('z'))",
    "a, (b, c), [d] = 1, (2, 3), [4]\nresult = [d, c, b, a]",
    "a, b = 1, 2\na, b = b, a\nresult = (a, b)",
    "a, b = 1, 2, 3\nresult = a",
    "x = [1, 2, 3]\nfor i in x: x.append(i)\nresult = x",
    "x = [1, 2, 3]\nx[1] += 5\nresult = x",
    "result = []\nfor i in range(10):\n    if i == 3: continue\n    if i == 6: break\n    result.append(i)",
    "def f():\n    for i in range(5):\n        for j in range(5):\n            if i * j == 6: return i\nresult = f()",
    "result = [(i, j) for i in range(4) if i % 2 for j in range(i) if j != 1]",
    "result = {k: v for k, v in enumerate(['a', 'b'])}",
    "i = 7\nx = [i for i in range(3)]\nresult = (i, x)",
    "result = [1, 2, 3, 4, 5][1:-1:2] + [1, 2, 3][::-1]",
    "result = ('abcdef'[2:4], 'abc'[-1], 'abc'[5:], (1, 2, 3)[:2])",
    "result = 'abc'[7]",
    "result = ('%s and %r and %d %%' % ('a', 'b', 3), '%s' % 7, '%x %o %X' % (255, 8, 255))",
    "result = '%d' % 'a'",
    "result = '%s' % (1, 2)",
    "result = '{} {} {{}}'.format(1, 'b') + '{1}{0}{x}'.format('a', 'b', x = [1])",
    "n = 3\ns = 'x'\nresult = f'{n} times {s}{s}'",
    "result = ('a,b,,c'.split(','), ' a  b '.split(), 'a-b-c'.rsplit('-', 1), 'x=y=z'.partition('='))",
    "result = (' x '.strip(), 'xxaxx'.strip('x'), 'abc'.upper(), 'a b'.title(), 'ABC'.lower(), 'aBc'.capitalize())",
    "result = ('hello'.find('l'), 'hello'.rfind('l'), 'hello'.count('l'), 'hello'.replace('l', 'L', 1))",
    "result = ('abc'.startswith('ab'), 'abc'.endswith(('x', 'c')), 'a'.isalpha(), '1'.isdigit(), 'A'.isupper())",
    "result = '-'.join(['a', 'b']) + ''.join([])",
    "result = ','.join([1])",
    "result = list('abc'.elems())",
    "result = sorted([3, 1, 2]) + sorted([3, 1, 2], reverse = True) + sorted([-3, 1, 2], key = lambda x: x * x)",
    "result = sorted([('b', 1), ('a', 2), ('a', 1)])",
    "result = sorted([1, 'a'])",
    "result = (max(1, 5, 3), min([4, 2]), max(['aa', 'b'], key = len), abs(-3))",
    "result = (any([0, 1]), all([1, 0]), bool([]), bool('a'), not None)",
    "result = (list(zip([1, 2, 3], 'ab'.elems())), list(enumerate(['x'], 5)), list(reversed([1, 2])))",
    "result = (int('12'), int('ff', 16), int(3.9), int(-3.9), float('1.5'), str(1.5), str(10.0), int(True))",
    "result = (7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 / 2, 7.5 // 2, -7.5 % 2)",
    "result = (1 << 4, 255 >> 3, 6 & 3, 6 | 3, 6 ^ 3, ~5, -(-3))",
    "result = 1 // 0",
    "result = 1.0 / 0",
    "result = 1 % 0",
    "result = (1 == 1.0, 1 == True, 'a' == 'a', [1, 2] == [1, 2], (1,) == [1], {'a': 1} == {'a': 1}, None == 0)",
    "result = (1 < 2, 'a' < 'b', [1, 2] < [1, 3], (1,) < (1, 0), 1.5 >= 1)",
    "result = 1 < 'a'",
    "result = None < 1",
    "result = ('a' in 'abc', 2 in [1, 2], 3 not in (1, 2), 5 in range(10))",
    "result = 1 in 'abc'",
    "result = [1] * 3 + 2 * [4]",
    "result = 'ab' * 3 + 2 * 'c' + 'd' * -1",
    "result = (1, 2) * 2",
    "result = [1] + (2,)",
    "result = 'a' + 1",
    "result = {} + {}",
    "result = {'a': 1, 'a': 2}",
    "result = {[1]: 2}",
    "result = {(1, 'a'): 2}[(1, 'a')]",
    "result = {}['a']",
    "x = [3, 1, 2]\nx.insert(1, 9)\nx.remove(1)\ny = x.pop()\nx.extend([7])\nresult = (x, y, x.index(9), x.pop(0))",
    "x = {'a': 1}\nx.update({'b': 2}, c = 3)\ny = x.pop('a')\nz = x.setdefault('d', 4)\nresult = (x, y, z)",
    "result = (type(1), type(1.0), type('a'), type([]), type({}), type(()), type(None), type(True), type(len))",
    "result = (str([1, 'a', None, True, 1.0, (1,), {'k': 'v'}]), repr('a\"b'))",
    "result = (range(3), list(range(5, 0, -2)), len(range(0, 10, 3)), range(10)[2:5])",
    "result = 5 if True else fail('no')",
    "result = [] or 'x' and 0 or None",
    "fail('on purpose')\nresult = 1",
    "x = 1\ndef f():\n    x = 2\n    return x\nresult = (f(), x)",
    "def f():\n    return y\ny = 3\nresult = f()",
    "result = z",
    "def f(n): return 1 if n == 0 else n * f(n - 1)\nresult = f(5)",
    "def f(*args, **kw): return (args, kw)\nresult = f(*[1, 2], **{'a': 3})",
    "result = (ord('a'), chr(98), hash)",
    "result = [].append",
    "result = 3\nresult()",
    "if True:\n    result = 1\nelse:\n    result = 2",
    "result = [x + y for x, y in [(1, 2), (3, 4)]]",
    "x = [[0] * 2 for i in range(2)]\nx[0][1] = 5\nresult = x",
]
OURS_ALONE = {  # where this language says more than Starlark's reference, on purpose
    "result = (ord('a'), chr(98), hash)",
    "result = [].append",
}


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p not in OURS_ALONE])
def test_a_program_gives_what_starlark_gives(program: str) -> None:
    assert ours(program) == theirs(program)


@pytest.mark.parametrize("program", sorted(OURS_ALONE))
def test_what_is_left_out_is_refused(program: str) -> None:
    assert ours(program) is None


ATOMS = st.sampled_from(
    ["0", "1", "2", "-3", "7", "2.5", "'ab'", "'b'", "''", "True", "None", "[1, 2]", "[]", "(1, 'a')"]
)


def _joined(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["+", "-", "*", "//", "%", "==", "!=", "<", ">=", "in", "not in", "and", "or", "&", "|"])
    return st.one_of(
        st.builds("({} {} {})".format, children, signs, children),
        st.builds("[{}, {}]".format, children, children),
        st.builds("({}, {})".format, children, children),
        st.builds("{}[{}]".format, children, children),
        st.builds("({} if {} else {})".format, children, children, children),
        st.builds("(not {})".format, children),
        st.builds("str({})".format, children),
        st.builds("len({})".format, children),
        st.builds("sorted({})".format, children),
        st.builds("[x for x in [{}] if x]".format, children),
    )


@settings(max_examples=400)
@given(st.recursive(ATOMS, _joined, max_leaves=6))
def test_an_expression_gives_what_starlark_gives(expression: str) -> None:
    text = f"result = {expression}"
    assert ours(text) == theirs(text)


def test_what_was_made_while_reading_is_frozen(tmp_path: Path) -> None:
    text = "L = [1]\nD = {'a': [1]}\ndef a(): L.append(1)\ndef b(): D['a'].append(1)\ndef c(): D['b'] = 1\n"
    text += "def d():\n    x = list(L)\n    x.append(2)\n    return x\n"
    box = Sandbox({}, lambda wanted: "")
    box.run("t.star", text, 10_000)
    for name in "abc":
        with pytest.raises(WorldFileError, match="immutable: it was made while the file was read"):
            box.call(name, (), Budget(1000))
    assert box.call("d", (), Budget(1000)) == [1, 2]


def test_a_loaded_file_is_frozen_for_the_file_that_loads_it() -> None:
    box = Sandbox({}, lambda wanted: "L = [1]\ndef add(x): x.append(2)\n")
    with pytest.raises(WorldFileError, match="immutable"):
        box.run("t.star", 'load("l.star", "L")\nL.append(1)', 10_000)
    box = Sandbox({}, lambda wanted: "L = [1]\ndef add(x): x.append(2)\n")
    box.run("t.star", 'load("l.star", plus = "add")\nmine = []\nplus(mine)', 10_000)
    assert box._names["mine"] == [2]


def test_no_number_can_be_other_than_finite() -> None:
    ways = "1e308 * 10;1e308 + 1e308;-1e308 - 1e308;1e308 / 1e-308;float('inf');float('nan');1e400;float('1e400')"
    ways += ";int(1e308);1e308 // 1e-308;(1 << 62) * 4;9223372036854775807 + 1;abs(-1e308 * 10);sorted([1e308 * 10])"
    for way in ways.split(";"):
        assert ours(f"result = {way}") is None, way


def test_steps_are_the_same_in_every_process_and_grow_with_the_work() -> None:
    def spent(text: str) -> int:
        box = Sandbox({}, lambda wanted: "")
        box.run("t.star", text, 1_000_000)
        return box.budget.spent

    counts = [spent(f"x = [i * i for i in range({n})]\nfor i in x: pass\n") for n in (10, 100, 1000, 1000)]
    assert counts[2] == counts[3] and all(a < b for a, b in itertools.pairwise(counts[:3]))
    assert 5 * 1000 < counts[2] < 20 * 1000
