# Sourced, in the root of the checkout: LeRobot as its makers ship it in .venv-lerobot (made where it is missing), `venv`,
# `ffmpeg_path` and a temporary `folder` that is removed at the end.
#   PYTHON         which Python the environment is made with (default python3)

venv=$PWD/.venv-lerobot
pins=requirements/lerobot.txt
# Written last, so that an interrupted installation is not taken for a finished one.
if ! cmp -s "$pins" "$venv/installed.txt"; then
  echo "Installing what $pins pins into .venv-lerobot (minutes, some GB)"
  rm -rf "$venv"
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --quiet -r "$pins"
  cp "$pins" "$venv/installed.txt"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Nothing may come from a hub: the datasets are here.
export HF_HUB_OFFLINE=1 HF_HOME="$folder/hub"
# LeRobot decodes with torchcodec where it can, which looks for the FFmpeg of the system. PyAV brings one with it, under
# names of its own.
mkdir "$folder/ffmpeg"
for library in "$venv"/lib/python3*/site-packages/av.libs/lib*.so.*; do
  name=$(basename "$library" | sed -E 's/-[0-9a-f]+\.so\.([0-9]+).*/.so.\1/')
  ln -sf "$library" "$folder/ffmpeg/$name"
done
ffmpeg_path=$folder/ffmpeg:$(dirname "$library")
