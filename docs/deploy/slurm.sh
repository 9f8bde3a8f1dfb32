#!/bin/bash
# One run over one list: sbatch slurm.sh LIST OUT
# Very many photographs: split the list, one job each (an array of 50 lists, 10 at a time):
#   sbatch --array=0-49%10 slurm.sh 'lists/%02d.parquet' 'results/%02d'
# A job that is killed or requeued goes on where it stood.
#SBATCH --job-name=selfie3d
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --mem-per-cpu=2G
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail

list=$1
out=$2
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
    # shellcheck disable=SC2059  # the arguments are formats
    printf -v list "$1" "$SLURM_ARRAY_TASK_ID"
    # shellcheck disable=SC2059
    printf -v out "$2" "$SLURM_ARRAY_TASK_ID"
fi

export OMP_NUM_THREADS=1
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
port=$((20000 + SLURM_JOB_ID % 20000))
# Only machines of this job can talk to it, and only through the network that they share.
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | cut -d ' ' -f 1)

srun --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --node-ip-address="$address" --port="$port" \
    --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 20
if [ "${#nodes[@]}" -gt 1 ]; then
    srun --nodes=$((${#nodes[@]} - 1)) --exclude="$head" \
        ray start --address="$address:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
    sleep 20
fi

selfie3d batch "$list" --out "$out" --ray-address "$address:$port"
