"""Write docs/contract.md from the contract's dataclasses.

. tools/env.sh && python docs/make_contract.py
"""

from __future__ import annotations

from pathlib import Path

from wall_oss_ros.core.contract.describe import describe

INTRODUCTION = """\
# The robot contract

One YAML per robot. Every node reads it; policy and robot must agree on it before anything moves
(`schema` in every chunk is a hash of names, units, frames, dimensions and dt).

Start from [config/robots/example_bimanual.yaml](../config/robots/example_bimanual.yaml).

- Every number has a unit, written behind it: `velocity: 1.5 rad/s`, `xyz: 0 0 150 mm`. Also
  understood: deg for rad, cm and mm for m, ms for s, and their rates. A bare number is an error.
- Required keys have no default: a limit that is not given is an error, not "no limit".
- An unknown key, a key given twice, a wrong unit or an impossible number is an error that names the
  file, the key and what is valid.
- Topics are relative, so that a namespace moves them.
- `base` with `odometry`, `lift` and `head` may be left out; the model's dimensions of a part left
  out are masked.
- `zones` may be replaced while the robot runs, by a text or a file with this key; they are checked
  in the same way first, and all stay as they are if one is wrong.

Written by `docs/make_contract.py`; the texts are those of `wall_oss_ros/core/contract/`.

| key | takes | default | what it is |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| `{item.key}` | {item.value} | {item.default} | {item.help} |" for item in describe()
    ]
    return INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "contract.md").write_text(page(), encoding="utf-8")
