#!/usr/bin/env bash
# A SLURM of one node, this machine, without accounting database, for as long as a command takes:
#     tests/slurm.sh snakemake --workflow-profile profiles/slurm runs
#     tests/slurm.sh bash
# Needs Debian's slurm-wlm (slurmctld, slurmd, munged), neither root nor systemd. Everything lies in a temporary folder.
set -euo pipefail
PATH="$PATH:/usr/sbin"
[ $# -gt 0 ] || { sed -n '2,5s/^# //p' "$0"; exit 2; }

folder=$(mktemp -d /tmp/slurm.XXXXXX)
chmod 711 "$folder"  # munged wants its socket to be reachable
pids=()

stop() {
    scancel --user="$(id -un)" 2>/dev/null && sleep 1 || true
    [ ${#pids[@]} -eq 0 ] || { kill "${pids[@]}" 2>/dev/null && wait "${pids[@]}" 2>/dev/null; } || true
    rm -rf "$folder"
}
trap stop EXIT

fail() {
    echo "slurm.sh: $1" >&2
    tail -n 20 "$folder"/*.log >&2
    exit 1
}

node=$(hostname -s) port=$((20000 + RANDOM % 10000))
memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
mkdir "$folder/state" "$folder/spool"
cat >"$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory
PartitionName=debug Nodes=$node Default=YES MaxTime=INFINITE
CONF
export SLURM_CONF="$folder/slurm.conf"
# Snakemake's jobs start srun without any SLURM_* variable, as if the configuration were where it is on a cluster.
mkdir "$folder/bin"
printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$SLURM_CONF" "$(command -v srun)" >"$folder/bin/srun"
chmod +x "$folder/bin/srun"
export PATH="$folder/bin:$PATH"

head -c 128 /dev/urandom >"$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --foreground --socket="$folder/munge.socket" --key-file="$folder/munge.key" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/munge.seed" --num-threads=2 >"$folder/munged.log" 2>&1 &
pids+=($!)
for _ in {1..50}; do [ -S "$folder/munge.socket" ] && break; sleep 0.1; done
[ -S "$folder/munge.socket" ] || fail "munged has no socket after 5 s"
slurmctld -D >"$folder/slurmctld.log" 2>&1 &
pids+=($!)
slurmd -D -N "$node" >"$folder/slurmd.log" 2>&1 &
pids+=($!)

for _ in {1..60}; do
    kill -0 "${pids[@]}" 2>/dev/null || fail "a daemon ended"
    [ "$(timeout 5 sinfo --noheader --format=%t 2>/dev/null)" = idle ] && break
    sleep 0.5
done
[ "$(timeout 5 sinfo --noheader --format=%t)" = idle ] || fail "the node is not idle after 30 s"
"$@"
