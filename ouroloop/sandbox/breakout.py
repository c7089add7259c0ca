"""Controllers that have broken out of the worker's allow-lists, which the sandbox around it must still contain."""

from __future__ import annotations

BREAK_OUT = """
def act(observation, logits):
    if "kept" not in act.__dict__:
        for kind in ().__class__.__base__.__subclasses__():
            outside = builtins_of(kind)
            if outside:
                break
        namespace = {"__builtins__": outside, "__name__": "controller"}
        outside["exec"](BODY, namespace)
        act.kept = namespace["act"]
    return act.kept(observation, logits)


def builtins_of(kind):
    try:
        found = kind.__init__.__globals__["__builtins__"]
        return found if "exec" in found else None
    except LookupError.__base__:
        return None


BODY = """


def broken_out(source: str) -> str:
    """Return a controller that breaks out of the worker's allow-lists and runs `source` with the interpreter's own built-ins.

    The screen refuses it many times over. It stands for a hole in both the screen and the worker, so only the sandbox is left.
    """
    return BREAK_OUT + repr(source) + "\n"


HELD: dict[str, str] = {
    "fork bomb": "import os\n\n\ndef act(observation, logits):\n    while True:\n        os.fork()\n",
    "kill everything": "import os\n\n\ndef act(observation, logits):\n    os.kill(-1, 9)\n    return 0\n",
    "read a file": "def act(observation, logits):\n    return len(open('/etc/passwd').read()) * 0\n",
    "write a file": "def act(observation, logits):\n    open('/tmp/x', 'w').write('x')\n    return 0\n",
    "exit": "import os\n\n\ndef act(observation, logits):\n    os._exit(0)\n",
    "flood": "import sys\n\n\ndef act(observation, logits):\n    while True:\n        sys.__stdout__.write('x' * 65536)\n",
    "forged frame": (
        "import os\n\n\ndef act(observation, logits):\n    for n in range(3, 16):\n        try:\n"
        "            os.write(n, b'\\xff\\xff\\xff\\x7f')\n        except OSError:\n            pass\n    raise ValueError\n"
    ),
    "memory": "def act(observation, logits):\n    a = []\n    while True:\n        a.append(bytearray(1 << 20))\n",
}
"""Name -> controller that runs with the interpreter's own built-ins; the sandbox must refuse each, at any layer."""
