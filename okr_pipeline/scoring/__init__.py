"""raw → metrics → scores: what decides a score, in SQL over sets, runnable without Dagster."""

from okr_pipeline.scoring.metrics import bind, measure
from okr_pipeline.scoring.results import objectives_as_of, scores_as_of
from okr_pipeline.scoring.scores import earliest_day, score

__all__ = ["bind", "earliest_day", "measure", "objectives_as_of", "score", "scores_as_of"]
