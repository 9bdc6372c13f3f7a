#!/usr/bin/env bash
# helm.sh FOLDER: prints the path of helm.
#
# $HELM names one, or it is in the PATH. Otherwise it is built from its Go module into FOLDER, once: two minutes.
# Exits with 2 where there is neither helm nor Go.
set -euo pipefail

version=v3.22.0
# What `helm template` takes the cluster for, as in a release of helm.
kubernetes=1.36

if found=$(command -v "${HELM:-helm}"); then
  echo "$found"
  exit
fi
if [ -n "${HELM:-}" ]; then
  echo "HELM=$HELM is not a program" >&2
  exit 1
fi
if ! command -v go >/dev/null; then
  echo "neither helm nor Go is installed" >&2
  exit 2
fi

mkdir -p "$1"
folder=$(cd "$1" && pwd)/$version
if [ ! -x "$folder/helm" ]; then
  echo "building helm $version" >&2
  chart=helm.sh/helm/v3/pkg/chartutil
  GOBIN=$folder GOFLAGS=-mod=mod go install -trimpath -ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=$version \
    -X $chart.k8sVersionMajor=${kubernetes%.*} -X $chart.k8sVersionMinor=${kubernetes#*.}" "helm.sh/helm/v3/cmd/helm@$version" >&2
fi
echo "$folder/helm"
