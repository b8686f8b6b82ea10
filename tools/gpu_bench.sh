#!/bin/sh
# Measures the model on a machine with a CUDA device and nothing but python3, torch, numpy and this checkout.
#   tools/gpu_bench.sh [OUTPUT]         full size, random weights; ends within 9 minutes, compiling included
#   tools/gpu_bench.sh --cpu [OUTPUT]   tiny size on the CPU, to try the script
#
# OUTPUT (default: the current directory) gets
#   gpu_bench.md     one row per configuration, with date, device and command
#   gpu_bench.jsonl  everything that was measured, one object per configuration
#   gpu_bench.log    what the runs said
# A configuration that fails or takes too long is a row that says so; the others still run. The exit status is 0 if all
# ran and the engines' chunks agree with plain computation.
#
#   PYTHON   interpreter (default python3)      CALLS   measured chunks each (default 200; 20 with --cpu)
#   SECONDS_IN_ALL   no run goes on after this (default 530)
set -eu

where=cuda
if [ "${1:-}" = --cpu ]; then
  where=cpu
  shift
fi
output=${1:-.}
mkdir -p "$output"
output=$(cd "$output" && pwd)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

"$python" -c 'import numpy, torch' || {
  echo "gpu_bench: $python lacks torch or numpy; name another one: PYTHON=/path/to/python3 tools/gpu_bench.sh" >&2
  exit 1
}
if [ "$where" = cuda ] && ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "gpu_bench: torch sees no CUDA device (nvidia-smi tells whether there is one). To try this script on the CPU," \
    "at the tiny size: tools/gpu_bench.sh --cpu" >&2
  exit 1
fi

if [ "$where" = cuda ]; then
  common="--size full --device cuda --dtype bf16 --steps 10 --calls ${CALLS:-200}"
else
  common="--size tiny --device cpu --dtype fp32 --steps 10 --calls ${CALLS:-20}"
fi
records=$output/gpu_bench.jsonl
log=$output/gpu_bench.log
: >"$records"
: >"$log"
begin=$(date +%s)
deadline=$((begin + ${SECONDS_IN_ALL:-530}))

measure() {  # measure LIMIT_S OPTIONS...
  limit=$1
  shift
  left=$((deadline - $(date +%s)))
  if [ "$limit" -gt "$left" ]; then limit=$left; fi
  # shellcheck disable=SC2086  # options are words
  set -- bench $common "$@"
  echo "wall-oss $*"
  echo "# wall-oss $*" >>"$log"
  status=0
  if [ "$limit" -lt 5 ]; then
    status=125
    : >"$records.one"
  else
    timeout -k 10 "$limit" "$python" -m wall_oss_ros.cli.main "$@" --json >"$records.one" 2>>"$log" || status=$?
  fi
  "$python" - "$records" "$status" "$limit" "$*" <<'PYTHON'
import json
import sys

records, status, limit, command = sys.argv[1:]
with open(f"{records}.one") as file:
    text = file.read().strip()
reasons = {"124": f"took longer than {limit} s", "137": f"took longer than {limit} s", "125": "no time left"}
result = json.loads(text) if text else {"failed": reasons.get(status, "failed, see gpu_bench.log")}
with open(records, "a") as file:
    print(json.dumps({"command": f"wall-oss {command}", **result}), file=file)
if text:
    print(f"  p50 {result['ms']['total']['p50']:.2f} ms, {result['total_over_floor']:.2f} times the floor")
    for entry in result["compared"]:
        print(f"  against {entry['with']}: largest difference {entry['largest_difference']:.3g}, "
              f"relative {entry['relative_difference']:.3g}, {'agrees' if entry['agrees'] else 'DISAGREES'}")
else:
    print(f"  {result['failed']}")
PYTHON
  rm -f "$records.one"
}

# What matters most comes first. Each limit leaves room to compile; together they may not: the deadline decides.
if [ "$where" = cuda ]; then
  measure 200 --cameras 3 --resolution 448 --engine compiled
  measure 150 --cameras 3 --resolution 224 --engine compiled
  measure 60 --cameras 3 --resolution 448 --engine graphs --no-eager
  measure 60 --cameras 3 --resolution 448 --engine eager --no-eager
  measure 120 --cameras 1 --resolution 448 --engine compiled --no-eager
  measure 120 --cameras 1 --resolution 224 --engine compiled --no-eager
else
  measure 120 --cameras 3 --resolution 448 --engine eager
  measure 120 --cameras 3 --resolution 224 --engine eager
  measure 120 --cameras 1 --resolution 448 --engine eager
  measure 120 --cameras 1 --resolution 224 --engine eager
fi

"$python" - "$records" "$output/gpu_bench.md" <<'PYTHON'
import json
import sys

records, table = sys.argv[1:]
with open(records) as file:
    results = [json.loads(line) for line in file]
head = ("date", "device", "torch", "pictures", "prefix", "engine", "p50 ms", "p95", "p99", "max", "Hz", "floor ms",
        "p50 / floor", "plain ms", "largest difference", "command")
lines = [head, ["---"] * len(head)]
fine = True
for r in results:
    if "failed" in r:
        fine = False
        lines.append([""] * (len(head) - 2) + [r["failed"], f"`{r['command']}`"])
        continue
    total = r["ms"]["total"]
    used = r["engine_used"] + ("" if r["engine_used"] == r["engine_asked"] else f" ({r['engine_asked']} asked)")
    plain = [f"{e['p50_ms']:.0f}" for e in r["compared"] if "p50_ms" in e]
    apart = [f"{e['largest_difference']:.2g} from {e['with']}" + ("" if e["agrees"] else " (too much)")
             for e in r["compared"]]
    fine = fine and all(e["agrees"] for e in r["compared"])
    lines.append([
        r["date"], r["device"], r["torch"], f"{r['cameras']} x {r['resolution']} px", str(r["prefix"]), used,
        *(f"{total[name]:.2f}" for name in ("p50", "p95", "p99", "max")), f"{r['hz']:.1f}",
        f"{r['floor_ms']['total']:.2f}", f"{r['total_over_floor']:.2f}", *(plain or ["-"]),
        ", ".join(apart) or "-", f"`{r['command']}`",
    ])
text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
with open(table, "w") as file:
    print(text, file=file)
print()
print(text)
sys.exit(not fine)
PYTHON
