#!/usr/bin/env bash
# cluster.sh FOLDER PROGRAMS COMMAND...: starts a cluster of one node in the namespaces that node.sh makes, and runs COMMAND.
# Pods have neither DNS, Services nor ServiceAccount tokens.
set -euo pipefail

folder=$1 programs=$2
shift 2
etcd=http://127.0.0.1:2379 etcd_peer=http://127.0.0.1:2380 api_port=6443 address=10.98.1.1

# start NAME COMMAND...: in the background, with a log. It ends with this script.
start() {
  local name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 &
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
  echo "$name does not get ready" >&2
  exit 1
}

# What the programs write where no option tells them otherwise is seen in here alone.
mount -t tmpfs tmpfs /run
for place in lib log; do
  mkdir -p "$folder/written/$place" "$folder/writing/$place"
  mount -t overlay overlay "/var/$place" \
    -o "lowerdir=/var/$place,upperdir=$folder/written/$place,workdir=$folder/writing/$place"
done

# A node's address cannot be one of loopback. What is sent to an address of this machine goes through loopback all the same.
ip link set lo up
ip link add node type bridge
ip address add "$address/32" dev node

openssl genrsa -out "$folder/accounts.key" 2048 2>/dev/null
openssl rsa -in "$folder/accounts.key" -pubout -out "$folder/accounts.pub" 2>/dev/null
token=$(openssl rand -hex 16)
echo "$token,tests,tests,\"system:masters\"" >"$folder/tokens.csv"

start etcd "$programs/etcd" --data-dir "$folder/etcd" --unsafe-no-fsync --listen-client-urls "$etcd" \
  --advertise-client-urls "$etcd" --listen-peer-urls "$etcd_peer"
start api-server "$programs/kube-apiserver" --etcd-servers "$etcd" \
  --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$api_port" --cert-dir "$folder/certificates" \
  --token-auth-file "$folder/tokens.csv" --authorization-mode AlwaysAllow --service-cluster-ip-range 10.0.0.0/24 \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$folder/accounts.pub" \
  --service-account-signing-key-file "$folder/accounts.key" --disable-admission-plugins ServiceAccount --allow-privileged \
  --kubelet-preferred-address-types InternalIP

export KUBECONFIG="$folder/kubeconfig"
cat >"$KUBECONFIG" <<END
apiVersion: v1
kind: Config
clusters: [{name: node, cluster: {server: "https://127.0.0.1:$api_port", insecure-skip-tls-verify: true}}]
users: [{name: tests, user: {token: "$token"}}]
contexts: [{name: node, context: {cluster: node, user: tests}}]
current-context: node
END
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
  "type": "bridge", "bridge": "pods", "isGateway": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.98.0.0/24"}]]}
}]}
END
cat >"$folder/containerd.toml" <<END
version = 2
root = "$folder/containerd"
state = "$folder/state"
[grpc]
  address = "$folder/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$folder/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "127.0.0.1:5055/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$folder/networks"
END
start containerd containerd --config "$folder/containerd.toml"
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
volumePluginDir: "$folder/volume-plugins"
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%}
END
start controllers "$programs/node" controllers --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0 \
  --service-account-private-key-file "$folder/accounts.key" --controllers '*,-nodeipam,-cloud-node-lifecycle'
start scheduler "$programs/node" scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0
start kubelet "$programs/node" kubelet --kubeconfig "$KUBECONFIG" --config "$folder/kubelet.yml" \
  --root-dir "$folder/kubelet" --hostname-override node --node-ip "$address"
until_ready kubelet kubectl wait --for=condition=Ready node/node --timeout=1s

"$@"
