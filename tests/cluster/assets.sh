#!/usr/bin/env bash
# assets.sh FOLDER: prints a folder with etcd, kube-apiserver, kube-controller-manager and kubectl.
#
# $KUBEBUILDER_ASSETS names a folder that has them, as setup-envtest makes one. Otherwise they are built from their Go
# modules into FOLDER, once for each state of server/: ten minutes on two cores, a minute where Go has cached the packages.
# A kubectl that is installed is taken, unless it is too old for the API server.
set -euo pipefail
server=$(cd "$(dirname "$0")/server" && pwd)

complain() {
  echo "$@" >&2
  exit 1
}

# The oldest kubectl of which all commands work: older ones ask for kinds that are gone.
oldest_kubectl=27

has_kubectl() {
  minor=$(kubectl version --client --output json 2>/dev/null | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p' | head -1)
  [ "${minor:-0}" -ge "$oldest_kubectl" ]
}

if [ -n "${KUBEBUILDER_ASSETS:-}" ]; then
  for program in etcd kube-apiserver; do
    [ -x "$KUBEBUILDER_ASSETS/$program" ] || complain "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS has no $program"
  done
  [ -x "$KUBEBUILDER_ASSETS/kubectl" ] || has_kubectl || complain "please install kubectl, 1.$oldest_kubectl or later"
  echo "$KUBEBUILDER_ASSETS"
  exit
fi

command -v go >/dev/null || complain "tests on an API server need Go 1.26 or later to build one;" \
  "please install it, or name ready binaries by KUBEBUILDER_ASSETS"

programs=(./etcd ./kube-apiserver ./kube-controller-manager)
has_kubectl || programs+=(./kubectl)
version=$(cd "$server" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
key=$({ go env GOVERSION GOARCH; echo "${programs[@]}"; cat "$server"/go.mod "$server"/go.sum "$server"/*/main.go; } | sha256sum | cut -c1-16)
mkdir -p "$1"
folder=$(cd "$1" && pwd)/$key

if [ ! -d "$folder" ]; then
  echo "building ${programs[*]} of Kubernetes $version" >&2
  minor=${version#v1.} stamp=k8s.io/component-base/version
  rm -rf "$folder.part" && mkdir "$folder.part"
  (cd "$server" && go build -trimpath -buildvcs=false -o "$folder.part/" \
    -ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=${minor%%.*}" "${programs[@]}")
  mv "$folder.part" "$folder"
fi
echo "$folder"
