"""Runs an exported link.py as PlatformIO does: the folder, and what the board's description says. Prints the folder
that it has libraries searched in."""

import sys
from pathlib import Path

folder, key, value = sys.argv[1:]


class Node:
    abspath = folder

    def srcnode(self):
        return self


class Env:
    def BoardConfig(self):
        return {key: value}

    def Dir(self, _):
        return Node()

    def Append(self, LIBPATH, LIBS):
        assert LIBS == ["telltale"]
        print(LIBPATH[0])

    def Exit(self, code):
        sys.exit(code)


script = (Path(folder) / "link.py").read_text()
exec(script, {"env": Env(), "Import": lambda _: None})
