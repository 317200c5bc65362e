"""Jobs as processes of this machine. Only the standard library is used here: supervisors and srun are started by
their path, away from the package, and import their neighbours from this folder."""
