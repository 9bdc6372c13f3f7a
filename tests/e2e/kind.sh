#!/usr/bin/env bash
# kind.sh COMMAND...: runs COMMAND beside a cluster of kind with a registry on 127.0.0.1:5055, which its nodes reach by the
# same name, and takes both down again. Needs docker and kind. COMMAND gets KUBECONFIG.
set -euo pipefail
name=datakit-policy-e2e
KUBECONFIG=$(mktemp)
export KUBECONFIG

take_down() {
  kind delete cluster --name "$name" >/dev/null 2>&1 || true
  docker rm --force "$name-registry" >/dev/null 2>&1 || true
  rm -f "$KUBECONFIG"
}
trap take_down EXIT
trap 'exit 1' INT TERM

docker run --detach --name "$name-registry" --publish 127.0.0.1:5055:5000 registry:2 >/dev/null
kind create cluster --name "$name" --wait 3m
docker network connect kind "$name-registry"
# The nodes' containerd reads where a registry is from a folder of its name.
for node in $(kind get nodes --name "$name"); do
  folder=/etc/containerd/certs.d/127.0.0.1:5055
  docker exec "$node" mkdir -p "$folder"
  echo "[host.\"http://$name-registry:5000\"]" | docker exec --interactive "$node" cp /dev/stdin "$folder/hosts.toml"
done

"$@"
