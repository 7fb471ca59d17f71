"""Run a notebook as a stage: in a warm process's forked child, within limits, its results moved into place when all of it has succeeded."""
