#!/usr/bin/env bash
# policy-server.sh COMMAND…: starts the policy server of a fixed release with the policy, and runs the command with its
# address in POLICY_SERVER. The image is run by digest, after its signature is checked: it has to be of Kubewarden's own
# release workflow, for that version.
set -euo pipefail

version=v1.38.2
image=ghcr.io/kubewarden/adm-controller/policy-server
workflow=https://github.com/kubewarden/adm-controller/.github/workflows/release.yml

digest=$(cosign verify "$image:$version" --output json \
  --certificate-oidc-issuer https://token.actions.githubusercontent.com \
  --certificate-identity "$workflow@refs/tags/$version" |
  jq -er '.[0].critical.image["docker-manifest-digest"]')
echo "policy-server $version is $digest" >&2

container=$(docker run --detach --publish 127.0.0.1:3000:3000 --publish 127.0.0.1:8081:8081 \
  --volume "$PWD/annotated-policy.wasm:/policy.wasm:ro" --volume "$PWD/tests/hosts/policies.yml:/policies.yml:ro" \
  "$image@$digest" --policies /policies.yml --ignore-kubernetes-connection-failure)
trap 'docker logs "$container" >&2; docker rm --force "$container" >/dev/null' EXIT
curl --retry 60 --retry-delay 1 --retry-all-errors --fail --silent --show-error --output /dev/null \
  http://127.0.0.1:8081/readiness

POLICY_SERVER=http://127.0.0.1:3000 "$@"
