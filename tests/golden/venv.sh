#!/bin/bash
#SBATCH --job-name=venv
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --output=logs/%x_%j.log
#SBATCH --error=logs/%x_%j.log
#SBATCH --wait-all-nodes=1

set -euo pipefail
export WORLD_SIZE="${SLURM_NTASKS:-1}"
export SITE='x y'
set +eu
source /opt/venv/bin/activate || exit 1
set -eu

srun --mpi=pmix --label numactl -N 0 true
