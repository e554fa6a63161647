#!/usr/bin/env bash
# The whole paper in one command: its Table 1, its survey, its report, and a card that says how each number came to be.
#
#   examples/paper.sh                                       the embedded model, 12 captions, 3 conditions: minutes
#   examples/paper.sh --model stable-audio-open-1.0 \
#     --captions test.csv --reference audiocaps/test        the real one: all 7 conditions, AudioCaps' captions
#
#   --model NAME     as earmark table1 has it; default: mini
#   -o FOLDER        where all of it goes; default: paper-MODEL
#   --captions CSV   default: examples/captions.csv, 12 captions of our own in AudioCaps' columns
#   anything else    goes to earmark table1, such as --limit 100, --seeds 3, --steps 20, --ray, --weights FOLDER
#
# The ratings are SIMULATED: drawn of a model in which all conditions are alike, by participants that are called so. They
# show the road from ratings to a report and claim nothing. For real ones: earmark serve FOLDER/table1.
#
# PYTHON names an interpreter that has Earmark's requirements; default: the one of ./earmark.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
model=mini out='' captions="$root/examples/captions.csv" more=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) sed -n '2,/^set /{/^set /d; s/^# \{0,1\}//; p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    --model | --captions | -o)
      [ $# -gt 1 ] || { echo "paper.sh: $1: needs a value; see --help" >&2; exit 2; }
      case "$1" in --model) model=$2 ;; --captions) captions=$2 ;; -o) out=$2 ;; esac
      shift 2 ;;
    *) more+=("$1"); shift ;;
  esac
done
out=${out:-paper-$(basename -- "$model")}
[ "$model" != mini ] || more=(--conditions baseline,sqs-w8a8,sqd-lora-w8a8 ${more[@]+"${more[@]}"})

if [ -z "${PYTHON:-}" ]; then
  "$root/earmark" --version >/dev/null # makes the environment where there is none
  PYTHON="$root/.venv/bin/python"
fi
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
earmark() { echo "+ earmark $*" >&2; "$PYTHON" -m app "$@"; }

mkdir -p "$out"
earmark table1 --model "$model" --captions "$captions" -o "$out/table1" ${more[@]+"${more[@]}"}
earmark generate "$out/table1"
"$PYTHON" -m examples.paper ratings "$out"
echo "The ratings of this report are simulated, of a model in which all conditions are alike." >&2
earmark analyze "$out/simulated-ratings.csv" -o "$out/report"
"$PYTHON" -m examples.paper beside "$out"
"$PYTHON" -m examples.paper card "$out" "$SECONDS"
cat "$out/card.md"
