#!/bin/sh
# From the simulator to LeRobot: records ten episodes of three tasks, exports them, and reads the dataset with LeRobot as
# its makers ship it. Called by `make test-lerobot-episodes`, after the build.
#   EPISODES       folder for the episodes; what is there is used again (default: a temporary one)
#   WORKERS        processes of the export (default: one per core)
set -e
cd "$(dirname "$0")/../.."
. tools/lerobot/environment.sh

bags=${EPISODES:-$folder/episodes}
(
  . tools/env.sh
  export ROS_DOMAIN_ID="${ROS_DOMAIN_ID:-88}"
  mkdir -p "$bags"
  seed=$(find "$bags" -mindepth 1 -maxdepth 1 -name '[!.]*' | wc -l)
  while [ "$seed" -lt 10 ]; do
    seed=$((seed + 1))
    case $((seed % 3)) in
      0) task=sort_cubes ;;
      1) task=pick_cube ;;
      2) task=hand_over ;;
    esac
    echo "episode $seed: $task"
    # An episode in which the task fails is one, too.
    wall-oss demo --headless --film "$folder/film.webp" --task "$task" --colour any --seed "$seed" \
      --record "$bags" --seconds 60 | grep -E "^task progress" || true
  done
  wall-oss export "$bags" --output "$folder/dataset" --quiet ${WORKERS:+--workers "$WORKERS"}
  python tools/lerobot/sample_bags.py "$bags" "$folder/dataset" "$folder/samples.npz"
)
WALL_OSS_EXPORTED="$folder/dataset" WALL_OSS_SAMPLES="$folder/samples.npz" \
  LD_LIBRARY_PATH="$ffmpeg_path" "$venv/bin/pytest" -s tools/lerobot/test_exported.py
