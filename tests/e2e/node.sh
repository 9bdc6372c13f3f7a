#!/usr/bin/env bash
# node.sh PROGRAMS COMMAND...: runs COMMAND beside a real Kubernetes node on this machine, and takes all of it down again.
#
# For machines that can have no kind: an API server, containerd and a kubelet that listen on loopback, with a registry on
# 127.0.0.1:5055. Needs root, and the Debian packages containerd, runc, containernetworking-plugins, iptables, busybox-static
# and docker-registry. PROGRAMS is a folder with etcd, kube-apiserver and node, as programs.sh makes it. COMMAND gets
# KUBECONFIG. Pods have neither DNS, Services nor ServiceAccount tokens. KEEP=1 keeps the logs.
set -euo pipefail

programs=$(cd "$1" && pwd)
shift
etcd_port=12479 api_port=16543
folder=$(mktemp -d)
started=()

complain() {
  echo "$@" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || complain "a node needs root"
for program in containerd runc docker-registry ip iptables openssl kubectl; do
  command -v "$program" >/dev/null || complain "please install $program"
done
[ -d /usr/lib/cni ] || complain "please install containernetworking-plugins"

# start NAME COMMAND...: in the background, with a log. It ends with this script.
start() {
  local name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 &
  started+=($!)
}

# until_ready NAME COMMAND...: waits until COMMAND succeeds.
until_ready() {
  local name=$1
  shift
  for _ in $(seq 240); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  tail -n 20 "$folder/$name.log" >&2
  complain "$name does not get ready"
}

take_down() {
  set +e
  # The kubelet first, or it would start the pods again; then what runs in them, which outlives containerd.
  for ((index = ${#started[@]} - 1; index >= 0; index--)); do
    [ "$index" -gt "${containerd:-0}" ] || break
    kill "${started[index]}" 2>/dev/null
    wait "${started[index]}" 2>/dev/null
  done
  ctr() { command ctr --address "$folder/containerd.sock" --namespace k8s.io "$@" 2>/dev/null; }
  for _ in $(seq 20); do
    tasks=$(ctr tasks list --quiet)
    [ -n "$tasks" ] || break
    for task in $tasks; do
      ctr tasks kill --signal KILL "$task"
      ctr tasks delete --force "$task" >/dev/null
    done
  done
  # Asked to end, an API server would wait for an etcd that is gone.
  for process in "${started[@]}"; do kill -KILL "$process" 2>/dev/null; done
  for process in "${started[@]}"; do wait "$process" 2>/dev/null; done
  for link in "$bridge" "$link"; do ip link delete "$link" 2>/dev/null; done
  for mount in $(awk -v folder="$folder/" 'index($2, folder) == 1 {print $2}' /proc/mounts | sort -r); do umount --lazy "$mount"; done
  if [ -n "${KEEP:-}" ]; then echo "the logs are in $folder" >&2; else rm -rf "$folder"; fi
}
bridge=dke2e0 link=dke2e1 address=10.98.1.1
trap take_down EXIT
trap 'exit 1' INT TERM

# A node's address cannot be one of loopback. What is sent to an address of this machine goes through loopback all the same.
ip link add "$link" type bridge
ip address add "$address/32" dev "$link"

openssl genrsa -out "$folder/accounts.key" 2048 2>/dev/null
openssl rsa -in "$folder/accounts.key" -pubout -out "$folder/accounts.pub" 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,tests,tests,\"system:masters\"" >"$folder/tokens.csv"

start etcd "$programs/etcd" --data-dir "$folder/etcd" --unsafe-no-fsync \
  --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
  --listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))"
start api-server "$programs/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" \
  --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api_port" --cert-dir "$folder/certificates" \
  --token-auth-file "$folder/tokens.csv" --authorization-mode AlwaysAllow --service-cluster-ip-range 10.0.0.0/24 \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/accounts.pub" \
  --service-account-signing-key-file "$folder/accounts.key" --disable-admission-plugins ServiceAccount --allow-privileged \
  --kubelet-preferred-address-types InternalIP

cat >"$folder/kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://127.0.0.1:$api_port", insecure-skip-tls-verify: true}}]
users: [{name: tests, user: {token: "$token"}}]
contexts: [{name: node, context: {cluster: node, user: tests}}]
current-context: node
END
export KUBECONFIG="$folder/kubeconfig"
until_ready api-server kubectl get --raw /readyz

cat >"$folder/registry.yml" <<END
version: 0.1
storage: {filesystem: {rootdirectory: "$folder/registry"}}
http: {addr: "127.0.0.1:5055"}
END
start registry docker-registry serve "$folder/registry.yml"

mkdir "$folder/networks"
cat >"$folder/networks/pods.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{
  "type": "bridge", "bridge": "$bridge", "isGateway": true,
  "ipam": {"type": "host-local", "dataDir": "$folder/addresses", "ranges": [[{"subnet": "10.98.0.0/24"}]]}
}]}
END
cat >"$folder/containerd.toml" <<END
version = 2
root = "$folder/containerd"
state = "$folder/state"
[grpc]
  address = "$folder/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "127.0.0.1:5055/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/networks"
END
start containerd containerd --config "$folder/containerd.toml"
containerd=$((${#started[@]} - 1))
until_ready containerd ctr --address "$folder/containerd.sock" version

cat >"$folder/kubelet.yml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
address: $address
healthzBindAddress: 127.0.0.1
containerRuntimeEndpoint: "unix://$folder/containerd.sock"
cgroupDriver: cgroupfs
failSwapOn: false
resolvConf: ""
podLogsDir: "$folder/logs"
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
END
start controllers "$programs/node" controllers --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0 \
  --service-account-private-key-file "$folder/accounts.key" --controllers '*,-nodeipam,-cloud-node-lifecycle'
start scheduler "$programs/node" scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0
start kubelet "$programs/node" kubelet --kubeconfig "$KUBECONFIG" --config "$folder/kubelet.yml" \
  --root-dir "$folder/kubelet" --hostname-override node --node-ip "$address"
until_ready kubelet kubectl wait --for=condition=Ready node/node --timeout=1s

"$@"
