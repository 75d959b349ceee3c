#!/usr/bin/env bash
# Start and stop a real Slurm cluster on this machine, for tests.
#
#   bash tests/slurm/local_slurm.sh start    install what is missing and start
#   bash tests/slurm/local_slurm.sh status   exit with 0 if the cluster answers
#   bash tests/slurm/local_slurm.sh stop     cancel its jobs and end its daemons
#
# Exit status: 0 done, 77 this machine cannot run it (the reason is the last line on stderr), 1 it should run but fails.
#
# Everything lies in one folder (QACLIMS_SLURM_DIR): configuration, munge key, sockets, logs and state. While the cluster
# runs, /etc/slurm/slurm.conf is a link into it: SLURM_CONF in the environment is not enough, as Snakemake's jobstep plugin
# removes SLURM_* before it calls srun. A machine that has a slurm.conf of its own is left alone.
#
#   QACLIMS_SLURM_CPUS    cores in all (default: all of this machine; more is allowed)
#   QACLIMS_SLURM_NODES   nodes, all of them on this machine (default: 1)
#   QACLIMS_SLURM_GPUS    GPUs per node (default: 2); they are names of /dev/null, so jobs get CUDA_VISIBLE_DEVICES but no GPU
#   QACLIMS_SLURM_PORT    first port of the daemons (default: 26817)
set -euo pipefail

DIR=${QACLIMS_SLURM_DIR:-/tmp/qaclims-slurm-$(id -u)}
NODES=${QACLIMS_SLURM_NODES:-1}
CPUS=$(( ${QACLIMS_SLURM_CPUS:-$(nproc)} / NODES ))
GPUS=${QACLIMS_SLURM_GPUS:-2}
PORT=${QACLIMS_SLURM_PORT:-26817}
CONF=$DIR/slurm.conf
LINK=/etc/slurm/slurm.conf
unset SLURM_CONF
PATH=$PATH:/usr/sbin:/sbin

cannot() { echo "local Slurm cannot run here: $*" >&2; exit 77; }
fail() {
    echo "local Slurm failed: $*" >&2
    tail -n 5 "$DIR"/*.log "$DIR"/*.out >&2 2>/dev/null || true
    stop
    exit 1
}

ensure_installed() {
    local missing=()
    for program in slurmctld slurmd munged sbatch; do
        command -v $program >/dev/null || missing+=("$program")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || cannot "${missing[*]} missing, and there is no apt-get"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge)
    # Debian would start the daemons on its own ports: policy-rc.d forbids it while we install
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1
    fi
    "${install[@]}" >"$DIR/apt.log" 2>&1 ||
        { apt-get update >>"$DIR/apt.log" 2>&1 && "${install[@]}" >>"$DIR/apt.log" 2>&1; } ||
        { [ -z "$made" ] || rm $policy; cannot "apt-get could not install slurm-wlm and munge, see $DIR/apt.log"; }
    [ -z "$made" ] || rm $policy
}

node_names() { seq -f 'node%.0f' "$NODES"; }

write_config() {
    local host user memory proctrack=linuxproc
    host=$(hostname -s)
    user=$(id -un)
    memory=$(( $(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) * 8 / 10 / NODES ))
    # cgroups find every process of a job; without them those that lose their parent outlive scancel
    if mkdir -p /sys/fs/cgroup/freezer/qaclims 2>/dev/null && rmdir /sys/fs/cgroup/freezer/qaclims; then
        proctrack=cgroup
        printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\n' >"$DIR/cgroup.conf"
    fi
    cat >"$CONF" <<CONF
ClusterName=qaclims
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$DIR/munge.socket
CredType=cred/munge
StateSaveLocation=$DIR/state
SlurmdSpoolDir=$DIR/spool-%n
SlurmctldPidFile=$DIR/slurmctld.pid
SlurmdPidFile=$DIR/slurmd-%n.pid
SlurmctldLogFile=$DIR/slurmctld.log
SlurmdLogFile=$DIR/slurmd-%n.log
# no systemd, no constraints by cgroups: works in a container
ProctrackType=proctrack/$proctrack
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
# limits are enforced from samples of /proc, as there is no cgroup to do it
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill,UsePss
# no database: sacct answers nothing, so that Snakemake must ask squeue, which remembers a job for MinJobAge
AccountingStorageType=accounting_storage/none
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
KillWait=10
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=500
CONF
    : >"$DIR/gres.conf"
    local index=0 name gres
    for name in $(node_names); do
        index=$((index + 1))
        gres=
        if [ "$GPUS" -gt 0 ]; then
            # Slurm wants character devices: these are further names of /dev/null
            for gpu in $(seq 0 $((GPUS - 1))); do
                [ -c "$DIR/$name-gpu$gpu" ] || mknod "$DIR/$name-gpu$gpu" c 1 3 || cannot "mknod is not allowed"
            done
            echo "NodeName=$name Name=gpu File=$DIR/$name-gpu[0-$((GPUS - 1))] AutoDetect=off Flags=nvidia_gpu_env" >>"$DIR/gres.conf"
            gres="Gres=gpu:$GPUS"
        fi
        echo "NodeName=$name NodeHostname=$host NodeAddr=127.0.0.1 Port=$((PORT + index)) CPUs=$CPUS" \
            "RealMemory=$memory $gres State=UNKNOWN" >>"$CONF"
        mkdir -p "$DIR/spool-$name"
    done
}

ours() { [ "$(readlink "$LINK")" = "$CONF" ]; }

answers() { ours && timeout 5 scontrol ping 2>/dev/null | grep -q 'is UP'; }

idle_nodes() { timeout 5 sinfo -h -N -t idle,mixed,allocated -o %N 2>/dev/null | sort -u | wc -l; }

start() {
    if answers; then return; fi
    [ "$(uname -s)" = Linux ] || cannot "it needs Linux"
    [ "$(id -u)" -eq 0 ] || cannot "only root can link $LINK"
    if [ -e "$LINK" ] && ! ours; then cannot "$LINK belongs to another Slurm"; fi
    mkdir -p "$DIR/state"
    chmod 755 "$DIR"
    ensure_installed
    write_config
    mkdir -p "${LINK%/*}"
    ln -sfn "$CONF" "$LINK"
    rm -f "$DIR"/*.log
    if [ ! -e "$DIR/munge.key" ]; then
        (umask 077 && head -c 128 /dev/urandom >"$DIR/munge.key")
    fi
    # munged refuses folders that others may write to, as /tmp is, unless forced
    munged --force --socket "$DIR/munge.socket" --key-file "$DIR/munge.key" --pid-file "$DIR/munged.pid" \
        --log-file "$DIR/munged.log" --seed-file "$DIR/munge.seed" >"$DIR/munged.out" 2>&1 || fail "munged did not start"
    slurmctld -c -f "$CONF" >"$DIR/slurmctld.out" 2>&1 || fail "slurmctld did not start"
    for name in $(node_names); do
        slurmd -N "$name" -f "$CONF" >"$DIR/slurmd.out" 2>&1 || fail "slurmd of $name did not start"
    done
    for _ in $(seq 60); do
        if answers && [ "$(idle_nodes)" -eq "$NODES" ]; then return; fi
        sleep 0.5
    done
    fail "the nodes did not come up within 30 s"
}

end() {  # a daemon, by the pid in its own file
    local pid
    [ -e "$1" ] && pid=$(cat "$1") && [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
    for _ in $(seq 40); do
        kill -0 "$pid" 2>/dev/null || { rm -f "$1"; return 0; }
        sleep 0.25
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$1"
}

stop() {
    if answers; then
        squeue -h -o %A | sort -u | xargs -r scancel 2>/dev/null || true
        for _ in $(seq 80); do
            [ -z "$(squeue -h -o %A 2>/dev/null)" ] && break
            sleep 0.25
        done
    fi
    for file in "$DIR"/slurmd-*.pid "$DIR/slurmctld.pid" "$DIR/munged.pid"; do end "$file"; done
    if ours; then rm "$LINK"; fi
    find /sys/fs/cgroup/freezer/slurm_node* -depth -type d -exec rmdir {} + 2>/dev/null || true
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    status) answers || { echo "local Slurm is not running" >&2; exit 1; } ;;
    *) echo "usage: $0 start|status|stop" >&2; exit 2 ;;
esac
