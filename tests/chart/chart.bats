#!/usr/bin/env bats
# The Helm chart, rendered: `make chart-tests`. UPDATE_GOLDEN=1 writes what it renders to.
#
# tests/package/chart.rs checks the golden files against Kubewarden's fields and the policy; tests/cluster/chart.rs
# installs the chart on a real API server.

HELM=${HELM:-helm}
chart=charts/datakit-operator-policy

# No cluster is asked, so the version of one is said.
render() {
  local version
  version=$(sed -n 's/^# kube-version: //p' "$1")
  "$HELM" template datakit-operator "$chart" --namespace shop --values "$1" --kube-version "${version:-1.36.0}"
}

# Compares standard input with a golden file.
golden() {
  if [ -n "${UPDATE_GOLDEN:-}" ]; then cat >"$1"; else diff -u "$1" -; fi
}

@test "helm finds nothing wrong with the chart" {
  "$HELM" lint --strict "$chart"
  for values in tests/chart/cases/*/values.yaml; do "$HELM" lint --strict "$chart" --values "$values"; done
}

@test "the chart renders each case as its golden file says" {
  for values in tests/chart/cases/*/values.yaml; do
    render "$values" >"$BATS_TEST_TMPDIR/policy.yaml"
    golden "${values%/*}/policy.yaml" <"$BATS_TEST_TMPDIR/policy.yaml"
  done
}

@test "the chart refuses what does not go together, and says why" {
  for values in tests/chart/refused/*.yaml; do
    run render "$values"
    [ "$status" -ne 0 ]
    # The reason alone: where in the template it stands, and how helm lists problems, changes with helm.
    grep -oE "Additional property .*|additional properties .*|[a-zA-Z_.]+(: [a-z]+)? needs .*|chart requires .*" <<<"$output" |
      golden "${values%.yaml}.txt"
  done
}
