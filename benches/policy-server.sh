#!/usr/bin/env bash
# What a real policy server takes: policy-server with the annotated policy, over TLS on the loopback interface, asked by wrk
# as fast as it answers. Prints the table of docs/operations.md.
#
#   benches/policy-server.sh PATH_OF_POLICY_SERVER [SECONDS]
#
# The client runs on the same machine, and takes a part of its processors.
set -euo pipefail

server=$1
seconds=${2:-10}
root=$(cd "$(dirname "$0")/.." && pwd)
port=38443
readiness=38081
folder=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; wait; rm -rf "$folder"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>"$folder/openssl.log"

jq '{datakit: {module: "file://\($policy)", allowedToMutate: true, settings: ., hostCapabilities: ["*"]}}' \
  --arg policy "$root/annotated-policy.wasm" "$root/policy-settings/default.json" >"$folder/policies.yml"

# An AdmissionReview of a Deployment with the given annotations; the program of wrk that sends it is named after it.
review() {
  local name=$1 annotations=$2
  jq --null-input --compact-output --argjson annotations "$annotations" '{
    apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {
      uid: "1299d386-525b-4032-98ae-1949f69f9cfc", operation: "CREATE", name: "web", namespace: "shop", dryRun: false,
      kind: {group: "apps", version: "v1", kind: "Deployment"},
      resource: {group: "apps", version: "v1", resource: "deployments"},
      requestKind: {group: "apps", version: "v1", kind: "Deployment"},
      requestResource: {group: "apps", version: "v1", resource: "deployments"},
      userInfo: {username: "alice", groups: ["system:authenticated"]}, options: null, oldObject: null,
      object: {apiVersion: "apps/v1", kind: "Deployment", metadata: {name: "web", namespace: "shop"}, spec: {
        replicas: 1, selector: {matchLabels: {app: "web"}}, template: {
          metadata: {labels: {app: "web"}, annotations: $annotations},
          spec: {containers: [{name: "web", image: "nginx:1.22", ports: [{containerPort: 80, protocol: "TCP"}],
            resources: {limits: {cpu: "1", memory: "512Mi"}}}], restartPolicy: "Always"}}}}}}' >"$folder/$name.json"
  cat >"$folder/$name.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$folder/$name.json"):read("*a")
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("%.0f %.1f %.1f %d\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, failed))
end
LUA
}
review "nothing to do" '{}'
review "injected" '{"admission.datakit/java-lib.version": ""}'

# Starts the server with a number of workers, and waits until it answers.
start() {
  "$server" --addr 127.0.0.1 --port "$port" --readiness-probe-port "$readiness" --workers "$1" \
    --cert-file "$folder/certificate.pem" --key-file "$folder/key.pem" --policies "$folder/policies.yml" \
    --policies-download-dir "$folder" --sigstore-cache-dir "$folder/sigstore" \
    --ignore-kubernetes-connection-failure --log-level warn >"$folder/server.log" 2>&1 &
  pid=$!
  for _ in $(seq 300); do
    if curl --silent --fail --output /dev/null "http://127.0.0.1:$readiness/readiness"; then return; fi
    if ! kill -0 "$pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  cat "$folder/server.log" >&2
  return 1
}

# The memory of the server that is its own, in MiB: VmRSS now, VmHWM at its highest.
memory() { awk -v field="$1:" '$1 == field {printf "%d", $2 / 1024}' "/proc/$pid/status"; }

# Fails unless the server injects what it should, and nothing else.
check() {
  local name=$1 expected=$2 answer
  answer=$(curl --silent --fail --cacert "$folder/certificate.pem" --header 'Content-Type: application/json' \
    --data-binary "@$folder/$name.json" "https://127.0.0.1:$port/validate/datakit")
  if [ "$(jq '[.response.allowed, (.response | has("patch"))]' --compact-output <<<"$answer")" != "$expected" ]; then
    echo "$name: $answer" >&2
    return 1
  fi
}

echo "| request | workers | connections | requests/s | median | 99th percentile | memory |"
echo "|---|--:|--:|--:|--:|--:|--:|"
for workers in 1 2; do
  start "$workers"
  check "nothing to do" '[true,false]'
  check injected '[true,true]'
  echo "| *none yet* | $workers | | | | | $(memory VmRSS) MiB |"
  for name in "nothing to do" injected; do
    for connections in 1 16; do
      read -r rate median high failed < <(wrk --threads 1 --connections "$connections" --duration "${seconds}s" \
        --script "$folder/$name.lua" "https://127.0.0.1:$port/validate/datakit" | tail -n 1)
      if [ "$failed" -ne 0 ]; then
        echo "$failed requests failed" >&2
        exit 1
      fi
      echo "| $name | $workers | $connections | $rate | $median ms | $high ms | $(memory VmHWM) MiB |"
    done
  done
  kill "$pid"
  wait "$pid" || true
  pid=
done
