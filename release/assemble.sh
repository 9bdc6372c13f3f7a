#!/usr/bin/env bash
# assemble.sh VERSION PROGRAMS FOLDER: makes the files of a release of datakit-policy in FOLDER, of PROGRAMS/<target>, a
# program for each target of release/targets: the archives, a formula for Homebrew and a manifest for krew.
#
# The same programs make the same archives, byte for byte.
set -euo pipefail
version=$1 programs=$2 folder=$3
here=$(cd "$(dirname "$0")/.." && pwd)
site=https://github.com/datakit-policy/datakit-operator-policy
description="Shows what the Datakit operator policy injects into Kubernetes workloads"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

targets() { sed '/^#/d;/^$/d' "$here/release/targets"; }
archive() { case $1 in *windows*) echo "datakit-policy-v$version-$1.zip" ;; *) echo "datakit-policy-v$version-$1.tar.gz" ;; esac; }
checksum() { sha256sum "$folder/$(archive "$1")" | cut -d' ' -f1; }
address() { echo "$site/releases/download/v$version/$(archive "$1")"; }

pack() {
  local target=$1 program=datakit-policy work
  work=$(mktemp -d)
  case $target in *windows*) program=datakit-policy.exe ;; esac
  install -m 755 "$programs/$target" "$work/$program"
  install -m 644 "$here/LICENSE" "$work/LICENSE"
  # A date that says nothing, and the same owner everywhere.
  find "$work" -exec touch --date=2000-01-01T00:00:00Z {} +
  case $target in
  *windows*) (cd "$work" && TZ=UTC zip -q -X - "$program" LICENSE) >"$folder/$(archive "$target")" ;;
  *)
    tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf - "$program" LICENSE |
      gzip -n -9 >"$folder/$(archive "$target")"
    ;;
  esac
  rm -rf "$work"
}

# The archive of a target, as Homebrew names it.
of_homebrew() {
  printf '      url "%s"\n      sha256 "%s"\n' "$(address "$1")" "$(checksum "$1")"
}

formula() {
  cat <<END
class DatakitPolicy < Formula
  desc "$description"
  homepage "$site"
  version "$version"
  license "Apache-2.0"

  on_macos do
    on_intel do
$(of_homebrew x86_64-apple-darwin)
    end
    on_arm do
$(of_homebrew aarch64-apple-darwin)
    end
  end
  on_linux do
    on_intel do
$(of_homebrew x86_64-unknown-linux-musl)
    end
    on_arm do
$(of_homebrew aarch64-unknown-linux-musl)
    end
  end

  def install
    bin.install "datakit-policy"
    generate_completions_from_executable(bin/"datakit-policy", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/datakit-policy --version")
  end
end
END
}

plugin() {
  cat <<END
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: datakit-policy
spec:
  version: v$version
  homepage: $site
  shortDescription: $description
  description: |
    Previews what the policy would inject into manifests, explains why a workload gets what it gets, and checks settings.
    Pipe the objects of a cluster into it, as with "kubectl get deploy -A -o yaml | kubectl datakit-policy preview -".
  platforms:
END
  local target platform program
  while read -r target _ platform; do
    [ "$platform" != - ] || continue
    program=datakit-policy
    [ "${platform%/*}" != windows ] || program=datakit-policy.exe
    cat <<END
    - selector:
        matchLabels:
          os: ${platform%/*}
          arch: ${platform#*/}
      uri: $(address "$target")
      sha256: $(checksum "$target")
      bin: $program
END
  done < <(targets)
}

while read -r target _; do pack "$target"; done < <(targets)
formula >"$folder/datakit-policy.rb"
plugin >"$folder/datakit-policy.krew.yaml"
