#!/usr/bin/env bash
# Runs the command COMMAND with ARGUMENTS, one in a line, so that it annotates the files.
set -euo pipefail

case $COMMAND in
check | preview | explain | test) ;;
*)
  echo "::error::The command has to be check, preview, explain or test; it is $COMMAND."
  exit 2
  ;;
esac
arguments=()
while IFS= read -r argument; do
  argument=${argument%$'\r'}
  [ -z "$argument" ] || arguments+=("$argument")
done <<<"$ARGUMENTS"
# bash 3 of macOS takes an empty list for a variable that is not set.
exec datakit-policy "$COMMAND" --output github ${arguments[@]+"${arguments[@]}"}
