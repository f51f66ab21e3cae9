"""Links the engine for the board's core: run by PlatformIO."""

import os
import sys

Import("env")  # noqa: F821 (PlatformIO's)

# What boards call their cores, and where the library for them lies.
FOLDERS = {
{{python}}
}

board = env.BoardConfig()  # noqa: F821
names = [str(board.get("build." + key, "")).lower() for key in ("cpu", "mcu", "march")]
folder = next((FOLDERS[name] for name in names if name in FOLDERS), None)
if folder is None:
    sys.stderr.write("telltale: no library for %s; there are %s\n" % (names, ", ".join(sorted(set(FOLDERS.values())))))
    env.Exit(1)  # noqa: F821
else:
    env.Append(LIBPATH=[os.path.join(env.Dir(".").srcnode().abspath, "lib", folder)], LIBS=["telltale"])  # noqa: F821
