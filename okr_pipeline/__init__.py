"""okr-pipeline: how far each key result has come, every morning, and why."""
