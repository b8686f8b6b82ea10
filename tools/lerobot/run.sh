#!/bin/sh
# Writes a dataset with this package and reads it with LeRobot as its makers ship it, and the other way round. LeRobot has
# an environment of its own (.venv-lerobot), as it wants other versions of nearly everything. Called by
# `make test-lerobot`, after the build.
#   PYTEST         more arguments for pytest
# No -u: the build's own scripts use what may not be set.
set -e
cd "$(dirname "$0")/../.."
. tools/lerobot/environment.sh

export WALL_OSS_DATASETS="$folder"
(
  . tools/env.sh
  python tools/lerobot/write_ours.py "$folder"
)
# shellcheck disable=SC2086
LD_LIBRARY_PATH="$ffmpeg_path" "$venv/bin/pytest" -s tools/lerobot/test_ours.py ${PYTEST:-}
# As root its AV1 encoder would run at the highest real-time priority, and nothing else on the machine (data/priority.py).
without_priority=
if [ "$(id -u)" = 0 ] && command -v setpriv > /dev/null; then
  without_priority="setpriv --bounding-set -sys_nice --inh-caps -sys_nice"
fi
$without_priority "$venv/bin/python" tools/lerobot/write_theirs.py "$folder"
(
  . tools/env.sh
  python tools/lerobot/read_theirs.py "$folder"
)
