#!/bin/bash
#SBATCH --job-name=resources
#SBATCH --nodes=2
#SBATCH --gpus-per-node=4
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=2
#SBATCH --mem=32G
#SBATCH --time=2-00:00:00
#SBATCH --nodelist=g[1-2]
#SBATCH --partition=gpu
#SBATCH --output="/logs/my \"own\"/%x_%j.log"
#SBATCH --error="/logs/my \"own\"/%x_%j.log"
#SBATCH --chdir="/data/a folder"
#SBATCH --wait-all-nodes=1

set -euo pipefail
export WORLD_SIZE="${SLURM_NTASKS:-1}"
export SITE='x y'

srun true
