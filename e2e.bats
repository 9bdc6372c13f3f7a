#!/usr/bin/env bats
# The packaged policy on the command line. KWCTL is kwctl, or datakit-policy, which stands in for it.

bats_require_minimum_version 1.5.0

KWCTL="${KWCTL:-kwctl}"
POLICY="${POLICY:-annotated-policy.wasm}"

# Writes an AdmissionRequest: operation, API version, kind, object, old object (null).
request() {
  local operation=$1 api=$2 kind=$3 object=$4 old=${5:-null}
  local group="" version=$api
  if [[ $api == */* ]]; then group=${api%/*} version=${api#*/}; fi
  jq --null-input --arg operation "$operation" --arg group "$group" --arg version "$version" --arg kind "$kind" \
    --argjson object "$object" --argjson old "$old" '{
      uid: "1299d386-525b-4032-98ae-1949f69f9cfc",
      kind: {group: $group, version: $version, kind: $kind},
      resource: {group: $group, version: $version, resource: (($kind | ascii_downcase) + "s")},
      name: "web", namespace: "shop", operation: $operation,
      userInfo: {username: "alice", groups: ["system:authenticated"]},
      object: $object, oldObject: $old, dryRun: false, options: null
    }' >"$BATS_TEST_TMPDIR/request.json"
}

# A Deployment with the given annotations and app containers.
deployment() {
  local annotations=$1 containers=${2:-'[{"name": "web", "image": "nginx:1.22"}]'}
  jq --null-input --argjson annotations "$annotations" --argjson containers "$containers" '{
    apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web", namespace: "shop"},
    spec: {selector: {matchLabels: {app: "web"}}, template: {
      metadata: {labels: {app: "web"}, annotations: $annotations}, spec: {containers: $containers}}}}'
}

# Runs the policy on the request; $1 is a file of settings, the rest are further arguments.
evaluate() {
  local settings=$1
  shift
  run --separate-stderr "$KWCTL" run "$@" --request-path "$BATS_TEST_TMPDIR/request.json" \
    --settings-path "$settings" "$POLICY"
}

# The last line of the output, where the answer is.
answer() { tail -n 1 <<<"$output"; }

# The patch, decoded, in the order of its paths.
patch() { answer | jq --raw-output .patch | base64 --decode | jq --compact-output --sort-keys 'sort_by(.path)'; }

# A patch without the journal, the policy's own annotation on the template.
without_journal() {
  jq --compact-output --sort-keys '
    "admission.datakit/injected" as $journal |
    map(select(.path | endswith("/annotations/admission.datakit~1injected") | not)) |
    map(if (.value | type) == "object" then del(.value[$journal], .value.annotations?[$journal]?) else . end) |
    map(select(.path | endswith("/annotations") | not) // select(.value != {}))'
}

# The object of the last request with the patch, whose operations set keys of objects and items that are there.
patched() {
  jq --argjson patch "$(patch)" '.object | reduce $patch[] as $operation (.; setpath(
    $operation.path | split("/")[1:] | map(gsub("~1"; "/") | (tonumber? // .)); $operation.value))' \
    "$BATS_TEST_TMPDIR/request.json"
}

allowed() {
  [ "$status" -eq 0 ]
  [ "$(answer | jq .allowed)" = true ]
  [ "$(answer | jq --raw-output .uid)" = 1299d386-525b-4032-98ae-1949f69f9cfc ]
}

unchanged() {
  allowed
  [ "$(answer | jq 'has("patch")')" = false ]
  [ "$(answer | jq 'has("patchType")')" = false ]
}

# Fails with both patches where they differ, journal aside; $1 is the expected one.
patch_is() {
  allowed
  [ "$(answer | jq --raw-output .patchType)" = JSONPatch ]
  local expected actual
  expected=$(jq --compact-output --sort-keys 'sort_by(.path)' <<<"$1")
  actual=$(patch | without_journal)
  if [ "$expected" != "$actual" ]; then
    printf 'expected %s\nactual   %s\n' "$expected" "$actual" >&2
    return 1
  fi
}

warnings_are() { [ "$(answer | jq --compact-output .warnings)" = "$1" ] || { answer >&2; return 1; }; }
audit_is() { [ "$(answer | jq --compact-output --sort-keys .auditAnnotations)" = "$1" ] || { answer >&2; return 1; }; }

# The patch of a Java agent with the variables of minimal.json, under the template at $1.
java_patch() {
  jq --null-input --arg at "$1" '[
    {op: "add", path: "\($at)/spec/containers/0/env",
      value: [{name: "JAVA_TOOL_OPTIONS", value: " -javaagent:/datadog-lib/dd-java-agent.jar"}]},
    {op: "add", path: "\($at)/spec/containers/0/volumeMounts",
      value: [{mountPath: "/datadog-lib", name: "datakit-auto-instrument"}]},
    {op: "add", path: "\($at)/spec/initContainers", value: [{
      command: ["sh", "copy-lib.sh", "/datadog-lib"], image: "agents.example.com/dd-lib-java-init:v1.30.1-guance",
      imagePullPolicy: "Always", name: "datakit-lib-init",
      volumeMounts: [{mountPath: "/datadog-lib", name: "datakit-auto-instrument"}]}]},
    {op: "add", path: "\($at)/spec/volumes", value: [{emptyDir: {}, name: "datakit-auto-instrument"}]}
  ]'
}

setup() {
  settings="$BATS_TEST_TMPDIR/settings.json"
  cat >"$settings" <<'EOF'
{
  "admission_inject": {
    "ddtrace": {"images": {"java_agent_image": "agents.example.com/dd-lib-java-init:v1.30.1-guance"}},
    "logfwd": {"images": {"logfwd_image": "agents.example.com/logfwd:1.28.1"}},
    "profiler": {"images": {"python_profiler_image": "agents.example.com/py-spy:0.1.0"}}
  },
  "admission_mutate": {
    "loggings": [{"label_selectors": ["logs=file"], "config": "[{\"type\":\"file\",\"path\":\"/srv/logs/*.log\"}]"}]
  }
}
EOF
}

@test "injects the Java agent into a Deployment" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  evaluate "$settings"
  patch_is "$(java_patch /spec/template)"
  warnings_are null
  audit_is '{"ddtrace":"agents.example.com/dd-lib-java-init:v1.30.1-guance"}'
}

@test "injects into every kind of workload" {
  template=$(deployment '{"admission.datakit/java-lib.version": ""}' | jq .spec.template)
  for workload in apps/v1:DaemonSet apps/v1:StatefulSet apps/v1:ReplicaSet v1:ReplicationController batch/v1:Job; do
    object=$(jq --null-input --argjson template "$template" --arg api "${workload%:*}" --arg kind "${workload#*:}" \
      '{apiVersion: $api, kind: $kind, metadata: {name: "web"}, spec: {template: $template}}')
    request CREATE "${workload%:*}" "${workload#*:}" "$object"
    evaluate "$settings"
    patch_is "$(java_patch /spec/template)"
  done

  object=$(jq --null-input --argjson template "$template" '{apiVersion: "batch/v1", kind: "CronJob",
    metadata: {name: "web"}, spec: {schedule: "0 * * * *", jobTemplate: {spec: {template: $template}}}}')
  request CREATE batch/v1 CronJob "$object"
  evaluate "$settings"
  patch_is "$(java_patch /spec/jobTemplate/spec/template)"

  object=$(jq '{apiVersion: "v1", kind: "Pod"} + .' <<<"$template")
  request CREATE v1 Pod "$object"
  evaluate "$settings"
  patch_is "$(java_patch "")"
}

@test "takes the version of the annotation" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": "v1.36.2-guance"}')"
  evaluate "$settings"
  allowed
  [ "$(patch | jq --raw-output '.[] | select(.path == "/spec/template/spec/initContainers") | .value[0].image')" = \
    agents.example.com/dd-lib-java-init:v1.36.2-guance ]
  audit_is '{"ddtrace":"agents.example.com/dd-lib-java-init:v1.36.2-guance"}'
}

@test "adds the variables of the settings, in order of reference" {
  jq '.admission_inject.ddtrace.envs = {"DD_TAGS": "pod:$(POD_NAME)", "DD_AGENT_HOST": "datakit-service.datakit.svc",
    "POD_NAME": "{fieldRef:metadata.name}"}' "$settings" >"$BATS_TEST_TMPDIR/envs.json"
  containers='[{"name": "web", "image": "nginx", "env": [{"name": "DD_AGENT_HOST", "value": "10.0.0.1"}]}]'
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}' "$containers")"
  evaluate "$BATS_TEST_TMPDIR/envs.json"
  expected=$(java_patch /spec/template | jq 'map(select(.path != "/spec/template/spec/containers/0/env")) + [
    {op: "add", path: "/spec/template/spec/containers/0/env/1",
      value: {name: "JAVA_TOOL_OPTIONS", value: " -javaagent:/datadog-lib/dd-java-agent.jar"}},
    {op: "add", path: "/spec/template/spec/containers/0/env/2",
      value: {name: "POD_NAME", valueFrom: {fieldRef: {fieldPath: "metadata.name"}}}},
    {op: "add", path: "/spec/template/spec/containers/0/env/3", value: {name: "DD_TAGS", value: "pod:$(POD_NAME)"}}]')
  patch_is "$expected"
}

@test "injects logfwd" {
  instances='[{"datakit_addr":"datakit-service.datakit.svc:9533","loggings":[{"logfiles":["/var/log/web/*.log"]}]}]'
  annotations=$(jq --null-input --arg instances "$instances" '{"admission.datakit/logfwd.instances": $instances}')
  request CREATE apps/v1 Deployment "$(deployment "$annotations")"
  evaluate "$settings"
  patch_is "$(jq --null-input --arg instances "$instances" '[
    {op: "add", path: "/spec/template/spec/containers/0/volumeMounts",
      value: [{mountPath: "/var/log/web", name: "datakit-logfwd-volume-0"}]},
    {op: "add", path: "/spec/template/spec/containers/1", value: {
      name: "datakit-logfwd", image: "agents.example.com/logfwd:1.28.1", imagePullPolicy: "Always",
      env: [{name: "LOGFWD_JSON_CONFIG", value: $instances}],
      resources: {requests: {cpu: "100m", memory: "64Mi"}, limits: {cpu: "500m", memory: "512Mi"}},
      volumeMounts: [{mountPath: "/var/log/web", name: "datakit-logfwd-volume-0", readOnly: true}]}},
    {op: "add", path: "/spec/template/spec/volumes", value: [{emptyDir: {}, name: "datakit-logfwd-volume-0"}]}]')"
  audit_is '{"logfwd":"agents.example.com/logfwd:1.28.1"}'
}

@test "injects a profiler" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/python-profiler.version": "latest"}')"
  evaluate "$settings"
  mounts='[{"mountPath": "/app/datakit-profiler", "name": "datakit-profiler-volume"},
    {"mountPath": "/tmp", "name": "tmp"}, {"mountPath": "/etc/localtime", "name": "timezone", "readOnly": true}]'
  patch_is "$(jq --null-input --argjson mounts "$mounts" '[
    {op: "add", path: "/spec/template/spec/containers/0/volumeMounts", value: $mounts},
    {op: "add", path: "/spec/template/spec/containers/1", value: {
      name: "datakit-profiler", image: "agents.example.com/py-spy:latest", imagePullPolicy: "Always",
      command: ["bash", "cmd.sh"], workingDir: "/app/datakit-profiler",
      resources: {requests: {cpu: "100m", memory: "64Mi"}, limits: {cpu: "500m", memory: "512Mi"}},
      securityContext: {capabilities: {add: ["SYS_PTRACE", "SYS_ADMIN"]}}, volumeMounts: $mounts}},
    {op: "add", path: "/spec/template/spec/shareProcessNamespace", value: true},
    {op: "add", path: "/spec/template/spec/volumes", value: [
      {emptyDir: {}, name: "datakit-profiler-volume"}, {emptyDir: {}, name: "tmp"},
      {hostPath: {path: "/etc/localtime", type: "FileOrCreate"}, name: "timezone"}]}]')"
}

@test "sets Datakit's log annotation" {
  object=$(deployment '{}' | jq '.spec.template.metadata.labels.logs = "file"')
  request CREATE apps/v1 Deployment "$object"
  evaluate "$settings"
  patch_is '[
    {"op": "add", "path": "/spec/template/metadata/annotations/datakit~1logs",
      "value": "[{\"type\":\"file\",\"path\":\"/srv/logs/*.log\"}]"},
    {"op": "add", "path": "/spec/template/spec/containers/0/volumeMounts",
      "value": [{"mountPath": "/srv/logs", "name": "datakit-logs-volume-0"}]},
    {"op": "add", "path": "/spec/template/spec/volumes", "value": [{"emptyDir": {}, "name": "datakit-logs-volume-0"}]}]'
  audit_is '{"logging":"admission_mutate.loggings[0]"}'
}

@test "injects by the rules of admission_inject_v2: flameshot, and ddtrace without an annotation" {
  cat >"$BATS_TEST_TMPDIR/v2.json" <<'EOF'
{"admission_inject_v2": {
  "ddtraces": [{"name": "shops", "namespace_selectors": ["^shop$"], "language": "java",
    "image": "agents.example.com/dd-lib-java-init:v1.30.1-guance"}],
  "flameshots": [{"label_selectors": ["app in (web, api)"], "image": "agents.example.com/flameshot:0.2.1",
    "image_pull_policy": "IfNotPresent", "processes": "[{\"language\":\"java\",\"command\":\"java\"}]",
    "resources": {"limits": {"cpu": "200m"}}, "enable_prometheus_annotations": true,
    "envs": {"FLAMESHOT_PROFILING_PATH": "/flameshot-data", "FLAMESHOT_HTTP_LOCAL_PORT": "8089"}}]
}}
EOF
  request CREATE apps/v1 Deployment "$(deployment '{}')"
  evaluate "$BATS_TEST_TMPDIR/v2.json"
  expected=$(java_patch /spec/template | jq '
    (.[] | select(.path | endswith("/initContainers")) | .value[0].resources) =
      {requests: {cpu: "100m", memory: "64Mi"}, limits: {cpu: "500m", memory: "512Mi"}} |
    (.[] | select(.path | endswith("/volumeMounts")) | .value) +=
      [{mountPath: "/flameshot-data", name: "flameshot-volume"}] |
    (.[] | select(.path | endswith("/volumes")) | .value) += [{emptyDir: {}, name: "flameshot-volume"}] |
    . + [
      {op: "add", path: "/spec/template/spec/containers/1", value: {
        name: "datakit-flameshot", image: "agents.example.com/flameshot:0.2.1", imagePullPolicy: "IfNotPresent",
        command: ["/flameshot/flameshot"],
        env: [{name: "FLAMESHOT_HTTP_LOCAL_PORT", value: "8089"},
          {name: "FLAMESHOT_PROFILING_PATH", value: "/flameshot-data"},
          {name: "FLAMESHOT_PROCESSES", value: "[{\"language\":\"java\",\"command\":\"java\"}]"}],
        ports: [{containerPort: 8089, name: "flameshot-port", protocol: "TCP"}],
        resources: {limits: {cpu: "200m"}}, securityContext: {capabilities: {add: ["SYS_PTRACE"]}},
        volumeMounts: [{mountPath: "/flameshot-data", name: "flameshot-volume"}]}},
      {op: "add", path: "/spec/template/spec/shareProcessNamespace", value: true},
      {op: "add", path: "/spec/template/metadata/annotations/prometheus.io~1scrape", value: "true"},
      {op: "add", path: "/spec/template/metadata/annotations/prometheus.io~1scheme", value: "http"},
      {op: "add", path: "/spec/template/metadata/annotations/prometheus.io~1port", value: "8089"},
      {op: "add", path: "/spec/template/metadata/annotations/prometheus.io~1path", value: "/metrics"},
      {op: "add", path: "/spec/template/metadata/annotations/prometheus.io~1param_measurement", value: "flameshot"}]')
  patch_is "$expected"
  audit_is '{"ddtrace":"shops (agents.example.com/dd-lib-java-init:v1.30.1-guance)","flameshot":"agents.example.com/flameshot:0.2.1"}'
}

@test "takes the text of the operator's ConfigMap" {
  jq '{jsonconfig: (. | tostring)}' "$settings" >"$BATS_TEST_TMPDIR/jsonconfig.json"
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  evaluate "$BATS_TEST_TMPDIR/jsonconfig.json"
  patch_is "$(java_patch /spec/template)"
}

@test "takes settings on the command line, and a request on standard input" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  run --separate-stderr "$KWCTL" run --settings-json "$(cat "$settings")" \
    --request-path - "file://$PWD/$POLICY" <"$BATS_TEST_TMPDIR/request.json"
  patch_is "$(java_patch /spec/template)"
}

@test "takes an AdmissionReview" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  jq '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: .}' "$BATS_TEST_TMPDIR/request.json" \
    >"$BATS_TEST_TMPDIR/review.json"
  mv "$BATS_TEST_TMPDIR/review.json" "$BATS_TEST_TMPDIR/request.json"
  evaluate "$settings"
  patch_is "$(java_patch /spec/template)"
}

@test "leaves alone what nobody asked for" {
  request CREATE apps/v1 Deployment "$(deployment '{}')"
  evaluate "$settings"
  unchanged
  warnings_are null
  audit_is null
}

@test "does nothing at all where it is switched off" {
  request CREATE apps/v1 Deployment \
    "$(deployment '{"admission.datakit/enabled": "false", "admission.datakit/java-lib.version": ""}')"
  evaluate "$settings"
  unchanged
  warnings_are null
}

@test "does nothing with empty settings, and says so to who asked" {
  echo '{}' >"$BATS_TEST_TMPDIR/empty.json"
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  evaluate "$BATS_TEST_TMPDIR/empty.json"
  unchanged
  warnings_are '["datakit ddtrace: nothing injected: admission_inject.ddtrace has no image for java"]'
}

@test "leaves other kinds alone" {
  request CREATE v1 ConfigMap '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {}}'
  evaluate "$settings"
  unchanged
}

@test "acts on an update only if the template changes" {
  object=$(deployment '{"admission.datakit/java-lib.version": ""}')
  request UPDATE apps/v1 Deployment "$(jq '.spec.replicas = 3' <<<"$object")" "$object"
  evaluate "$settings"
  unchanged

  request UPDATE apps/v1 Deployment "$object" "$(deployment '{}')"
  evaluate "$settings"
  patch_is "$(java_patch /spec/template)"
}

@test "keeps what it injected when the manifest is applied again, and starts no rollout" {
  containers='[{"name": "web", "image": "nginx:1.22", "env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g"}]}]'
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}' "$containers")"
  evaluate "$settings"
  allowed
  live=$(patched)
  [ "$(jq '.spec.template.metadata.annotations | has("admission.datakit/injected")' <<<"$live")" = true ]

  # As `kubectl apply` does it, with other settings by now.
  echo '{}' >"$BATS_TEST_TMPDIR/empty.json"
  applied=$(jq '.spec.template.spec.containers[0].env[0].value = "-Xmx1g"' <<<"$live")
  request UPDATE apps/v1 Deployment "$applied" "$live"
  evaluate "$BATS_TEST_TMPDIR/empty.json"
  patch_is '[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value",
    "value": "-Xmx1g -javaagent:/datadog-lib/dd-java-agent.jar"}]'
  warnings_are null

  # A change of the user's part follows the settings: with none, no trace is left.
  applied=$(jq '.spec.template.spec.containers[0].image = "nginx:1.23"' <<<"$live")
  request UPDATE apps/v1 Deployment "$applied" "$live"
  evaluate "$BATS_TEST_TMPDIR/empty.json"
  allowed
  [[ $(patch) == *'"op":"remove","path":"/spec/template/spec/initContainers"'* ]]
  [[ $(patch) == *'"op":"remove","path":"/spec/template/metadata/annotations/admission.datakit~1injected"'* ]]
}

@test "does not inject twice" {
  containers='[{"name": "web", "image": "nginx:1.22"}]'
  object=$(deployment '{"admission.datakit/java-lib.version": ""}' "$containers" |
    jq '.spec.template.spec.initContainers = [{name: "datakit-lib-init", image: "x"}]')
  request CREATE apps/v1 Deployment "$object"
  evaluate "$settings"
  unchanged
}

@test "warns of a malformed annotation" {
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/logfwd.instances": "not json"}')"
  evaluate "$settings"
  unchanged
  warnings_are '["datakit logfwd: nothing injected: admission.datakit/logfwd.instances is not valid JSON (line 1, column 2)"]'
}

@test "accepts a workload that is malformed" {
  request CREATE apps/v1 Deployment '{"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": 7}}'
  evaluate "$settings"
  unchanged
}

# kwctl lets a policy ask for what the metadata of its module names.
@test "holds what it injects to the level of the namespace" {
  sed 's/^contextAwareResources:.*/contextAwareResources: [{apiVersion: v1, kind: Namespace}]/' metadata.yml \
    >"$BATS_TEST_TMPDIR/metadata.yml"
  asking="$BATS_TEST_TMPDIR/asking.wasm"
  "$KWCTL" annotate --metadata-path "$BATS_TEST_TMPDIR/metadata.yml" --usage-path README.md --output-path "$asking" policy.wasm
  cat >"$BATS_TEST_TMPDIR/session.yml" <<'EOF'
- type: Exchange
  request: |
    !KubernetesGetResource
    api_version: v1
    kind: Namespace
    name: shop
    namespace: null
    disable_cache: false
    field_masks:
      - metadata.labels
  response:
    type: Success
    payload: '{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}'
EOF
  jq '.policy.pod_security = "namespace"' "$settings" >"$BATS_TEST_TMPDIR/namespace.json"
  request CREATE apps/v1 Deployment "$(deployment '{"admission.datakit/java-lib.version": ""}')"
  POLICY=$asking evaluate "$BATS_TEST_TMPDIR/namespace.json" --allow-context-aware \
    --replay-host-capabilities-interactions "$BATS_TEST_TMPDIR/session.yml"
  allowed
  context='{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"runAsNonRoot":true,"runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}}'
  [[ $(patch) == *"\"securityContext\":$context"* ]]

  # A host that does not let it ask is no reason to refuse or to lose anything.
  evaluate "$BATS_TEST_TMPDIR/namespace.json"
  allowed
  [[ $(patch) == *'"name":"datakit-lib-init"'* ]]
  [[ $(patch) != *'"securityContext"'* ]]
}

@test "refuses settings with all that is wrong with them" {
  request CREATE apps/v1 Deployment "$(deployment '{}')"
  cat >"$BATS_TEST_TMPDIR/wrong.json" <<'EOF'
{"admission_inject": {"ddtrace": {"image": {}, "enabled_labelselectors": [{"labelselector": "a b", "language": "rust"}]}}}
EOF
  evaluate "$BATS_TEST_TMPDIR/wrong.json"
  [ "$status" -eq 1 ]
  [ -z "$output" ]
  [[ $stderr == *"Error: Provided settings are not valid"* ]]
  [[ $stderr == *"3 problems"* ]]
  [[ $stderr == *"admission_inject.ddtrace.image: unknown key"* ]]
  [[ $stderr == *"admission_inject.ddtrace.enabled_labelselectors[0].labelselector"* ]]
  [[ $stderr == *"admission_inject.ddtrace.enabled_labelselectors[0].language"* ]]
}

@test "takes all example settings" {
  request CREATE apps/v1 Deployment "$(deployment '{}')"
  for example in policy-settings/*.json policy-settings/*.yaml; do
    [ "$example" != policy-settings/schema.json ] || continue
    evaluate "$example"
    allowed
  done
}
