"""okr-pipeline: how far each key result has come, every morning, and why."""

from okr_pipeline.published import scores

__all__ = ["scores"]
