#!/bin/sh
# Runs a program as if on a machine of its own, which ends with it. It is to be the first process in new namespaces of processes,
# mounts and networks: when it ends, however that is, the kernel ends all that was started, and forgets mounts and interfaces.
# What is written goes to DIR; only cgroups are those of the real machine.
#
#   machine.sh DIR PROGRAM ARG…
set -eu
dir=$1
shift

mount --make-rprivate /
mount -t proc proc /proc
# Settings of the whole kernel can only be read here, and those that a kubelet insists on are copies. Those of the network are the
# namespace's own.
mount -t tmpfs tmpfs /run
for settings in kernel vm; do
	mount --bind "/proc/sys/$settings" "/proc/sys/$settings"
	mount -o remount,bind,ro "/proc/sys/$settings"
done
for setting in kernel/panic kernel/panic_on_oops kernel/keys/root_maxbytes kernel/keys/root_maxkeys vm/overcommit_memory vm/panic_on_oom; do
	copy=/run/$(basename $setting)
	cat "/proc/sys/$setting" >"$copy"
	mount --bind "$copy" "/proc/sys/$setting"
done
for folder in etc var; do
	mkdir -p "$dir/$folder/upper" "$dir/$folder/work"
	mount -t overlay -o "lowerdir=/$folder,upperdir=$dir/$folder/upper,workdir=$dir/$folder/work" overlay "/$folder"
done

# Two nodes, each with an address. Beyond them is nothing, but addresses of services need a route before they are translated.
ip link set lo up
ip link add nodes type veth peer name nowhere
ip link set nowhere up
ip link set nodes up
ip address add 10.0.0.1/24 dev nodes
ip address add 10.0.0.2/24 dev nodes
ip route add default via 10.0.0.254

"$@" # not with exec: this shell collects the processes that lost their parent
