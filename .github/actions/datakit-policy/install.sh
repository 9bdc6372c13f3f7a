#!/usr/bin/env bash
# Puts the datakit-policy of a release on the PATH of the steps that follow, if its archive has the right checksum.
#
# VERSION is the release, CHECKSUM that of the archive (empty: the release's own), RELEASES where releases are.
set -euo pipefail
releases=${RELEASES:-https://github.com/datakit-policy/datakit-operator-policy/releases/download}

case $RUNNER_OS-$RUNNER_ARCH in
Linux-X64) target=x86_64-unknown-linux-musl ;;
Linux-ARM64) target=aarch64-unknown-linux-musl ;;
macOS-X64) target=x86_64-apple-darwin ;;
macOS-ARM64) target=aarch64-apple-darwin ;;
Windows-X64) target=x86_64-pc-windows-msvc ;;
*)
  echo "::error::There is no datakit-policy for $RUNNER_OS on $RUNNER_ARCH."
  exit 1
  ;;
esac
case $target in *windows*) suffix=zip ;; *) suffix=tar.gz ;; esac
archive=datakit-policy-$VERSION-$target.$suffix

fetch() {
  curl --fail --silent --show-error --location --retry 3 --output "$1" "$releases/$VERSION/$1"
}

checksum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

folder=$RUNNER_TEMP/datakit-policy
mkdir -p "$folder"
cd "$folder"
fetch "$archive"
expected=$CHECKSUM
if [ -z "$expected" ]; then
  fetch checksums.txt
  expected=$(awk -v name="$archive" '$2 == name || $2 == "*" name { print $1 }' checksums.txt)
fi
found=$(checksum "$archive")
if [ "$found" != "$expected" ]; then
  echo "::error::$archive has the checksum $found instead of ${expected:-one that the release names}."
  exit 1
fi
case $suffix in
zip) unzip -q -o "$archive" ;;
*) tar -xzf "$archive" ;;
esac
./datakit-policy --version
echo "$folder" >>"$GITHUB_PATH"
