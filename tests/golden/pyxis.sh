#!/bin/bash
#SBATCH --job-name=pyxis
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --output=logs/%x_%j.log
#SBATCH --error=logs/%x_%j.log
#SBATCH --wait-all-nodes=1

set -euo pipefail
export WORLD_SIZE="${SLURM_NTASKS:-1}"
export SITE='x y'

srun --container-image=nvcr.io/nvidia/pytorch --container-mounts='/a:/a,/b c:/b' --container-workdir=/w nvidia-smi
