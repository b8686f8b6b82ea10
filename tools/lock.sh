#!/bin/sh
# Writes the lock files of requirements/ from the *.in files and the extras of setup.py. Needs the network.
#   tools/lock.sh            keeps the pins that still fit
#   tools/lock.sh --upgrade  takes the newest versions
#
# Every file holds exact versions of every package, transitive ones too, for Python 3.10 to 3.13 on Linux x86_64:
#   kilted.txt         what `make demo` installs, and all other targets but jazzy first
#   jazzy.txt          what `make jazzy` installs; all that is not ROS is pinned as in kilted.txt
#   kilted-extras.txt  kilted.txt plus the extra `view`
#   view.txt           what `make demo` and `make test` add to it for the web view; numpy and pillow stay those that are
#                      there, so it suits an apt ROS 2, too
#   view-test.txt      and what `make test` adds beside it to drive a browser
#   model.txt          what `make model`, `make test` and `make lint` add to it, and pip to an apt ROS 2. numpy, PyYAML
#                      and setuptools stay those that are there. The CUDA packages are left out and this file alone is
#                      installed with dependencies: the build of torch that pip finds asks for them, with their versions
#                      (the CPU build has none).
#   lerobot.txt        what `make test-lerobot` installs into an environment of its own, with dependencies for the same
#                      reason
#   apt.txt            what an apt ROS 2 lacks (numpy, pillow, PyYAML stay those of apt, which ROS is compiled against)
set -eu
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"${PYTHON:-python3}" -m venv "$tmp/uv"
"$tmp/uv/bin/pip" install --quiet uv==0.13.8

compile() {  # compile OUTPUT [uv arguments...]
  output=requirements/$1
  shift
  echo "resolving $output"
  # uv takes the pins of an existing output file as its preference, so the work is done on a copy.
  rm -f "$tmp/out.txt"
  if [ -f "$output" ]; then cp "$output" "$tmp/out.txt"; fi
  "$tmp/uv/bin/uv" pip compile --quiet --universal --python-version 3.10 --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links -o "$tmp/out.txt" "$@"
  {
    echo "# Written by tools/lock.sh (make lock); do not edit."
    # A universal resolution also lists what only other systems need, and the CUDA packages (see model.txt).
    grep -v -E "sys_platform == '(win32|emscripten)'|^(nvidia-|cuda-|triton=|pyobjc-)" "$tmp/out.txt"
  } > "$output"
}

compile kilted-extras.txt "$@" setup.py --extra sim --extra data --extra view --extra dev requirements/kilted.in
compile kilted.txt --constraints requirements/kilted-extras.txt \
  setup.py --extra sim --extra data --extra dev requirements/kilted.in
grep -v '^ros-' requirements/kilted.txt > "$tmp/not-ros.txt"
compile jazzy.txt "$@" --constraints "$tmp/not-ros.txt" setup.py --extra sim --extra data --extra dev requirements/jazzy.in
# Of setup.py the extras alone, for uv would add what every robot needs.
"$tmp/uv/bin/python" -c 'import setup; print(*setup.EXTRAS["model"], *setup.EXTRAS["train"], sep="\n")' > "$tmp/model.in"
compile model.txt "$@" --constraints requirements/kilted-extras.txt "$tmp/model.in" requirements/model.in \
  --no-emit-package numpy --no-emit-package pyyaml --no-emit-package setuptools
"$tmp/uv/bin/python" -c 'import setup; print(*setup.EXTRAS["view"], sep="\n")' > "$tmp/view.in"
compile view.txt "$@" --constraints requirements/kilted-extras.txt "$tmp/view.in" \
  --no-emit-package numpy --no-emit-package pillow
compile view-test.txt "$@" --constraints requirements/kilted-extras.txt requirements/view-test.in
compile lerobot.txt "$@" requirements/lerobot.in
compile apt.txt --constraints requirements/kilted.txt setup.py --extra sim \
  --no-emit-package numpy --no-emit-package pillow --no-emit-package pyyaml --no-emit-package scipy
