"""Slurm, or what stands in for it, and the ways to reach it."""
