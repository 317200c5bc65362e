#!/bin/bash
#SBATCH --job-name=apptainer
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --output=logs/%x_%j.log
#SBATCH --error=logs/%x_%j.log
#SBATCH --wait-all-nodes=1

set -euo pipefail
export WORLD_SIZE="${SLURM_NTASKS:-1}"
export SITE='x y'
export APPTAINERENV_A=1,2
set +eu
for srunx_base in "$(conda info --base 2>/dev/null)" ~/miniforge3 ~/miniconda3 ~/anaconda3; do
if [ -f "$srunx_base/etc/profile.d/conda.sh" ]; then source "$srunx_base/etc/profile.d/conda.sh"; break; fi
done
conda activate base || exit 1
set -eu

srun apptainer exec --nv --cleanenv --writable-tmpfs --bind /a:/a --pwd /w --overlay o.img i.sif torchrun python -V
