"""Pure functions and values: no files, no clock, no network, no Flask."""
