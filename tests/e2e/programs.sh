#!/usr/bin/env bash
# programs.sh CLUSTER FOLDER: prints a folder with etcd, kube-apiserver and node, what node.sh needs. The first two are taken
# from the folder CLUSTER; node is built from its Go module into FOLDER, once for each state of node/: ten minutes on two cores.
set -euo pipefail
cluster=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/node" && pwd)

command -v go >/dev/null || { echo "a node is built with Go; please install it" >&2; exit 1; }
version=$(cd "$source" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
key=$({ go env GOVERSION GOARCH; cat "$source"/go.mod "$source"/go.sum "$source"/main.go; } | sha256sum | cut -c1-16)
mkdir -p "$2"
folder=$(cd "$2" && pwd)/$key

if [ ! -d "$folder" ]; then
  echo "building a node of Kubernetes $version" >&2
  minor=${version#v1.} stamp=k8s.io/component-base/version
  rm -rf "$folder.part" && mkdir "$folder.part"
  (cd "$source" && go build -trimpath -buildvcs=false -o "$folder.part/node" \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" .)
  mv "$folder.part" "$folder"
fi
ln -sf "$cluster/etcd" "$cluster/kube-apiserver" "$folder/"
echo "$folder"
