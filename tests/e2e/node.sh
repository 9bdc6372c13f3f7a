#!/usr/bin/env bash
# node.sh PROGRAMS COMMAND...: runs COMMAND beside a real Kubernetes node on this machine, and leaves nothing of the node behind.
#
# For machines that can have no kind. Needs root, and the Debian packages containerd, runc, containernetworking-plugins,
# iptables, busybox-static, docker-registry and a kubectl. PROGRAMS is a folder with etcd, kube-apiserver and node, as
# programs.sh makes it. COMMAND gets KUBECONFIG, and a registry on 127.0.0.1:5055. KEEP=1 keeps the node's folder with its logs.
#
# The node and COMMAND have processes, mounts and a network of their own: they reach no other machine, their ports are free,
# several can run at once, and what they start, mount and set up ends with their first process.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "$1" && pwd)
shift

complain() {
  echo "$@" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || complain "a node needs root"
for program in containerd ctr docker-registry ip iptables kubectl openssl pgrep runc sysctl unshare; do
  command -v "$program" >/dev/null || complain "please install $program"
done
[ -d /usr/lib/cni ] || complain "please install containernetworking-plugins"

# Control groups and the kernel's parameters that a kubelet sets are the machine's.
control_groups() { find /sys/fs/cgroup -depth -type d -path '*/kubepods*'; }
parameters=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops
  kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

take_down() {
  set +e
  if [ -n "${node:-}" ]; then
    # unshare itself blocks signals. With its child, the first process of the namespace, all others end.
    pkill -KILL --parent "$node"
    wait "$node"
  fi
  control_groups | grep --invert-match --line-regexp --fixed-strings --file "$folder/control-groups" |
    while read -r group; do rmdir "$group"; done
  sysctl --quiet --load "$folder/parameters"
  if [ -n "${KEEP:-}" ]; then echo "the logs are in $folder" >&2; else rm -rf "$folder"; fi
}
folder=$(mktemp -d)
control_groups >"$folder/control-groups"
sysctl "${parameters[@]}" >"$folder/parameters"
trap take_down EXIT
trap 'exit 1' INT TERM

unshare --mount --net --pid --fork --mount-proc "$here/cluster.sh" "$folder" "$programs" "$@" &
node=$!
wait "$node"
