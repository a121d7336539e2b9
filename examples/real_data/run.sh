#!/usr/bin/env bash
# One turn on the data sets in FOLDER: ./run.sh FOLDER [options of `trimtab run`]
set -euo pipefail
sets=$(cd "${1:?usage: run.sh FOLDER}" && pwd)
cd "$(dirname "$0")"
ln -sfn "$sets" sets
exec trimtab run "${@:2}"
