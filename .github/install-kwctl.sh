#!/usr/bin/env bash
# Puts the kwctl of a fixed release, whose checksum is known, on the PATH of the steps that follow.
set -euo pipefail

# The checksum is of the zip file; both are changed together.
version=v1.35.0
checksum=2f518033989a897c2f502a2f4fa90b3ca666eee976a82d045abdea5022330341

folder="$RUNNER_TEMP/kwctl"
mkdir -p "$folder"
curl --fail --silent --show-error --location --retry 3 --output "$folder/kwctl.zip" \
  "https://github.com/kubewarden/kubewarden-controller/releases/download/$version/kwctl-linux-x86_64.zip"
echo "$checksum  $folder/kwctl.zip" | sha256sum --check --strict
unzip -q -o "$folder/kwctl.zip" -d "$folder"
install -m 755 "$folder/kwctl-linux-x86_64" "$folder/kwctl"
"$folder/kwctl" --version
echo "$folder" >> "$GITHUB_PATH"
