#!/bin/bash
#SBATCH --job-name=retried
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --output=logs/%x_%j.log
#SBATCH --error=logs/%x_%j.log
#SBATCH --wait-all-nodes=1

set -euo pipefail
export WORLD_SIZE="${SLURM_NTASKS:-1}"
export SITE='x y'

srunx_attempt=1
while true; do
echo "srunx: attempt $srunx_attempt of 3 begins at $(date '+%F %T')"
set +e
(
set -e
srun false
)
srunx_code=$?
set -e
if [ "$srunx_code" -eq 0 ] || [ "$srunx_attempt" -ge 3 ]; then break; fi
echo "srunx: attempt $srunx_attempt of 3 ended with exit code $srunx_code; the next one begins in 7 s"
sleep 7
srunx_attempt=$((srunx_attempt + 1))
done
echo "srunx: attempt $srunx_attempt of 3 ended with exit code $srunx_code"
exit "$srunx_code"
