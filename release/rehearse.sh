#!/usr/bin/env bash
# rehearse.sh MODULE ANNOTATED CHART FILES: publishes a release to a registry on this machine, signed with a key that is
# thrown away, and checks what a user would get. Needs kwctl, helm, cosign, oras, docker-registry and jq.
set -euo pipefail
module=$1 annotated=$2 chart=$3 files=$4

work=$(mktemp -d)
trap 'kill "$registry" 2>/dev/null || true; rm -rf "$work"' EXIT
host=127.0.0.1:5599
cat >"$work/registry.yml" <<END
version: 0.1
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: $host }
END
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry=$!
for _ in $(seq 50); do curl --fail --silent "http://$host/v2/" >/dev/null && break; sleep 0.2; done

version=$(sed -n 's/^  io.kubewarden.policy.version: //p' metadata.yml)
export COSIGN_PASSWORD=
(cd "$work" && cosign generate-key-pair)
# Signatures of this registry are no business of the public log.
signs=(--yes --key "$work/cosign.key" --tlog-upload=false --use-signing-config=false --allow-http-registry)
verifies=(--key "$work/cosign.pub" --insecure-ignore-tlog=true --allow-http-registry)

# The policy: what is pulled is what was pushed, and its signature holds.
printf 'insecure_sources: ["%s"]\n' "$host" >"$work/sources.yml"
address=$host/policies/datakit-operator-policy
reference=$(kwctl push --sources-path "$work/sources.yml" -o json "$annotated" "$address:v$version" | jq -er .immutable_ref)
reference=${reference#registry://}
# In both formats, as in a release: policy servers read the older one.
for newer in false true; do
  cosign sign "${signs[@]}" --new-bundle-format=$newer "$reference"
  cosign verify "${verifies[@]}" --new-bundle-format=$newer "$address:v$version" >/dev/null
done
kwctl pull --sources-path "$work/sources.yml" --output-path "$work/pulled.wasm" "registry://$address:v$version"
cmp "$annotated" "$work/pulled.wasm"
kwctl inspect "$work/pulled.wasm" >/dev/null
# A module without metadata is refused by policy servers: it must not be the one that is published.
if cmp --silent "$module" "$work/pulled.wasm"; then
  echo "what is published has no metadata" >&2
  exit 1
fi
# A copy in another place has both signatures, as docs/air-gap.md says, and so has one that came by files.
mirror=$host/mirror/datakit-operator-policy:v$version
cosign copy --allow-http-registry "$address:v$version" "$mirror"
oras copy --recursive --from-plain-http --to-oci-layout "$address:v$version" "$work/layout:v$version"
oras copy --recursive --to-plain-http --from-oci-layout "$work/layout:v$version" "$mirror"
for newer in false true; do
  cosign verify "${verifies[@]}" --new-bundle-format=$newer "$mirror" >/dev/null
done

# The chart: it can be installed from the registry, and names the policy of this version.
digest=$(helm push --plain-http "$chart" "oci://$host/charts" 2>&1 | sed -n 's/^Digest: //p')
cosign sign "${signs[@]}" "$host/charts/datakit-operator-policy@$digest"
cosign verify "${verifies[@]}" "$host/charts/datakit-operator-policy:$version" >/dev/null
helm template datakit-operator "oci://$host/charts/datakit-operator-policy" --version "$version" --plain-http |
  grep -q "datakit-operator-policy:v$version\$"

# The files: the checksums are theirs, and the program for this machine runs.
(cd "$files" && sha256sum datakit-* >"$work/checksums.txt" && sha256sum --check --quiet "$work/checksums.txt")
tar -C "$work" -xzf "$files/datakit-policy-v$version-$(uname -m)-unknown-linux-musl.tar.gz"
[ "$("$work/datakit-policy" --version)" = "datakit-policy $version" ]
grep -q "$(sha256sum "$files/datakit-policy-v$version-aarch64-apple-darwin.tar.gz" | cut -d' ' -f1)" "$files/datakit-policy.rb"

echo "rehearsed v$version: the policy, the chart and $(find "$files" -type f | wc -l) files"
