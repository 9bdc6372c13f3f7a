#!/usr/bin/env bash
# Takes the pictures of the terminal in this folder: docs/preview.png and docs/explain.png.
#
# Needs `datakit-policy` in PATH, and these packages of Debian:
#   xvfb xterm imagemagick pngquant optipng fonts-jetbrains-mono
set -euo pipefail
cd "$(dirname "$0")/.."
# The pictures are in colour, whatever the user prefers.
unset NO_COLOR

background="#0d1117"

main() {
  require datakit-policy Xvfb xterm import convert pngquant optipng
  work=$(mktemp -d)
  trap clean_up EXIT
  start_display
  picture docs/preview.png datakit-policy preview examples/nginx.yaml -s policy-settings/default.json
  picture docs/explain.png datakit-policy explain examples/logging-deployment.yaml -s policy-settings/default.json
}

require() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "$0: $program is not in PATH" >&2; exit 1; }
  done
}

# A display of our own, large enough for every picture; X chooses a number that is free.
start_display() {
  mkfifo "$work/display"
  Xvfb -displayfd 3 -screen 0 2400x3000x24 -nolisten tcp 3>"$work/display" 2>"$work/xvfb.log" &
  display=$!
  DISPLAY=":$(head -n 1 "$work/display")"
  export DISPLAY
}

clean_up() {
  kill ${terminal:+"$terminal"} ${display:+"$display"} 2>/dev/null || true
  rm -rf "$work"
}

# picture FILE COMMAND…: the command and what it prints, in a terminal that is just large enough for it.
picture() {
  local file=$1 columns rows
  shift
  { echo "\$ $*"; "$@"; } >"$work/text"
  columns=$(wc --max-line-length <"$work/text")
  rows=$(wc --lines <"$work/text")
  rm -f "$work/done"
  # The column and the row that are added keep the last character from scrolling the first line away.
  xterm -title "$file" -geometry "$((columns + 1))x$((rows + 1))" \
    -fa "JetBrains Mono" -fs 15 -bg "$background" -fg "#d0d7de" +sb -xrm "XTerm*boldColors: false" \
    -xrm "XTerm*color1: #ff7b72" -xrm "XTerm*color2: #56d364" -xrm "XTerm*color3: #e3b341" \
    -xrm "XTerm*color6: #76d9e6" \
    -e bash -c 'tput civis; done=$1; shift; echo "\$ $*"; "$@"; touch "$done"; sleep 60' bash "$work/done" "$@" &
  terminal=$!
  wait_for_file "$work/done"
  sleep 1
  import -window "$file" "$work/window.png"
  convert "$work/window.png" -trim +repage -bordercolor "$background" -border 24 "$work/picture.png"
  kill "$terminal"
  wait "$terminal" 2>/dev/null || true
  terminal=
  pngquant --force --strip --output "$file" 32 "$work/picture.png"
  optipng -quiet -o5 "$file"
  echo "$file: $(wc --bytes <"$file") bytes"
}

wait_for_file() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    [[ -e $1 ]] && return
    sleep 0.1
  done
  echo "$0: the command in the terminal does not end" >&2
  exit 1
}

main
