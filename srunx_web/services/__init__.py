"""What a user can do, without HTTP: given a cluster, never building one."""
