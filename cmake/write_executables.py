"""Writes one small script per entry point of setup.py, for CMake to install as ROS executables.

`wall-oss` and other console scripts go to TO/bin, the group `wall_oss_ros.nodes` to TO/nodes.
Scripts of entry points that no longer exist are removed.
"""

import argparse
import importlib.util
from pathlib import Path

FOLDERS = {"console_scripts": "bin", "wall_oss_ros.nodes": "nodes"}

SCRIPT = """\
{shebang}
# Written by cmake/write_executables.py from the entry points of setup.py.
# Processes that multiprocessing spawns read this file, too, and must not run it.
if __name__ == "__main__":
    import signal
    import sys

    # Imports take a second; Ctrl-C meanwhile ends quietly instead of with a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from {module} import {function}

    sys.exit({function}())
"""

# Older kernels cut the first line of a script at 127 characters, and all split it at blanks.
SHEBANG_MAX = 127


def shebang(python):
    """First lines that start `python`: through the shell where its path is long or has blanks."""
    line = f"#!{python}"
    if len(line) <= SHEBANG_MAX and " " not in python:
        return line
    return f"#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''"


def entry_points(setup_py):
    """The ENTRY_POINTS table of setup.py, which does nothing but define things when imported."""
    spec = importlib.util.spec_from_file_location("setup_of_this_package", setup_py)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ENTRY_POINTS


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--setup", type=Path, required=True, help="path of setup.py")
    parser.add_argument(
        "--python", required=True, help="interpreter for the first line of each script"
    )
    parser.add_argument("--to", type=Path, required=True, help="folder to write to")
    args = parser.parse_args()

    for group, lines in entry_points(args.setup).items():
        folder = args.to / FOLDERS[group]
        folder.mkdir(parents=True, exist_ok=True)
        written = set()
        for line in lines:
            name, target = (part.strip() for part in line.split("="))
            module, function = target.split(":")
            text = SCRIPT.format(shebang=shebang(args.python), module=module, function=function)
            path = folder / name
            path.write_text(text)
            path.chmod(0o755)
            written.add(name)
        for path in folder.iterdir():
            if path.name not in written:
                path.unlink()


if __name__ == "__main__":
    main()
