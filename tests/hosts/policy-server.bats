#!/usr/bin/env bats
# The policy in a real policy server, whose address is POLICY_SERVER: `.github/policy-server.sh bats tests/hosts`.

ask() {
  jq -n --argjson annotations "$2" '{
    apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview",
    request: {
      uid: "1", operation: "CREATE", namespace: "shop", name: "web", dryRun: false,
      kind: {group: "apps", version: "v1", kind: "Deployment"},
      resource: {group: "apps", version: "v1", resource: "deployments"},
      requestKind: {group: "apps", version: "v1", kind: "Deployment"},
      requestResource: {group: "apps", version: "v1", resource: "deployments"},
      userInfo: {username: "tester"},
      object: {
        apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web", namespace: "shop"},
        spec: {
          selector: {matchLabels: {app: "web"}},
          template: {
            metadata: {labels: {app: "web"}, annotations: $annotations},
            spec: {containers: [{name: "app", image: "app:1"}]}
          }
        }
      }
    }
  }' | curl --fail --silent --show-error --header 'Content-Type: application/json' --data @- "$POLICY_SERVER/validate/$1"
}

# What the patch adds below the template, by path.
added() { jq -r '.response.patch // "" | @base64d | if . == "" then [] else fromjson end | map(.path) | sort[]'; }

@test "a workload that asks for an agent is patched" {
  answer=$(ask injects '{"admission.datakit/java-lib.version": ""}')
  [ "$(jq -c '[.response.allowed, .response.patchType]' <<<"$answer")" = '[true,"JSONPatch"]' ]
  paths=$(added <<<"$answer")
  for part in 'annotations/admission.datakit~1injected' 'spec/initContainers' 'spec/volumes' 'containers/0/env' 'containers/0/volumeMounts'; do
    grep -q "^/spec/template/.*$part" <<<"$paths"
  done
}

@test "a workload that asks for nothing is let in as it is" {
  answer=$(ask injects '{}')
  [ "$(jq -c '[.response.allowed, .response.patch]' <<<"$answer")" = '[true,null]' ]
}

@test "what was asked for and not done is a warning" {
  answer=$(ask injects '{"admission.datakit/python-lib.version": ""}')
  [ "$(jq -c '[.response.allowed, .response.patch, (.response.warnings | length)]' <<<"$answer")" = '[true,null,1]' ]
}

@test "in monitor mode there is no patch, and the warnings are there" {
  answer=$(ask watches '{"admission.datakit/java-lib.version": "", "admission.datakit/python-lib.version": ""}')
  [ "$(jq -c '[.response.allowed, .response.patch, (.response.warnings | length)]' <<<"$answer")" = '[true,null,1]' ]
}
