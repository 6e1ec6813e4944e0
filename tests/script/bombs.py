"""What hostile world files try: memory bombs, and scripts that never stop or send without end. Bodies of a handler."""

MEMORY = {
    "a text times 2^30": 'x = "a" * (1 << 30)',
    "a text times 2^40": 'x = "a" * (1 << 40)',
    "a list times 2^27": "x = [0] * (1 << 27)",
    "texts doubled": 'x = "a"\nfor i in range(60): x = x + x',
    "texts doubled in place": 'x = "a"\nfor i in range(60): x += x',
    "lists doubled": 'x = ["a"]\nfor i in range(60): x = x + x',
    "a list extended by itself": "x = [1]\nfor i in range(60): x.extend(x + [i])",
    "numbers squared": "x = 3\nfor i in range(60): x = x * x",
    "a number shifted": "x = 1 << 10000000000",
    "a list of a long range": "x = list(range(1 << 30))",
    "lists in lists as text": "x = [1]\nfor i in range(31): x = [x, x]\ny = str(x)",
    "texts replaced by themselves": 'x = "ab" * 30000\ny = x.replace("a", x)',
    "a long text joined": 'x = "a" * 60000\ny = x.join(["b"] * 9000)',
    "a long text formatted": 'x = "a" * 60000\ny = "%s" % x + "{0}{0}{0}{0}".format(x)',
    "many long texts kept": 'x = []\nfor i in range(9000): x.append("%d" % i + "a" * 60000)',
    "an f-string of itself": 'x = "a"\nfor i in range(60): x = f"{x}{x}"',
    "a list of lists of lists": "x = [[0] * 9000 for i in range(9000)]",
    "a dict of long keys": 'x = {}\nfor i in range(9000): x["a" * 60000 + str(i)] = i',
    "split into letters": 'x = []\nfor i in range(9000): x.append(("a " * 5000).split())',
    "tuples doubled": "x = (1,)\nfor i in range(60): x += x",
}

HOSTILE = {
    "an endless loop": "for i in range(1000000000): pass",
    "loops in loops": "for i in range(10000):\n    for j in range(10000):\n        for k in range(10000): pass",
    "a recursion": "act()",
    "lists in lists compared": "x = [1]\ny = [1]\nfor i in range(30): x, y = [x, x], [y, y]\nz = x == y",
    "a pile of lists": "x = []\nfor i in range(20000): x = [x]\nz = x == [x]",
    "a billion entities": 'for i in range(1000000000): spawn_at("crate", (4, 4, 1))',
    "entities that come and go": 'for i in range(1000000000): despawn(spawn_at("crate", (4, 4, 1)))',
    "a storm of timers": 'for i in range(1000000000): start_timer("t%d" % i, 0.0, True)',
    "a storm of variables": 'for i in range(1000000000): put("v%d" % i, "x" * 4000)',
    "a storm of words": 'for i in range(1000000000): say("x" * 190 + str(i))',
    "a storm of events": 'for i in range(1000000000): emit("own", i, "x" * 4000)',
    "colliding keys": "x = {}\nfor i in range(9000): x[(i, i * 7)] = i",
    "digging without end": 'for i in range(1000000000): build((0, 0, 0), (16, 16, 8), "air")',
    "a sort of everything": "for i in range(1000): x = sorted(range(9000), key = lambda v: -v)",
    "the nearest name of long ones": 'find("a" * 60000)',
}

PING_PONG = """
def ping(n):
    emit("pong", n + 1)
    emit("pong", n + 1)
def pong(n):
    emit("ping", n + 1)
    emit("ping", n + 1)
def begin(): emit("ping", 0)
on("ping", ping)
on("pong", pong)
on("start", begin)
"""


def as_handler(body: str) -> str:
    """A world's lines in which a body is called every tick, and another handler counts the ticks."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f'var("n", 0)\ndef calm(): put("n", get("n") + 1)\ndef act():\n{lines}\non("tick", act)\non("tick", calm)\n'
