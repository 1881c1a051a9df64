"""raw → metrics → scores: what decides a score, in SQL over sets, runnable without Dagster."""

from okr_pipeline.scoring.agreed import earliest_day
from okr_pipeline.scoring.metrics import bind, measure
from okr_pipeline.scoring.results import (
    Scoring,
    days_scored,
    listed_on,
    objectives_as_of,
    objectives_at,
    scores_as_of,
    scores_at,
    scoring_known_at,
)
from okr_pipeline.scoring.scores import score

__all__ = [
    "Scoring",
    "bind",
    "days_scored",
    "earliest_day",
    "listed_on",
    "measure",
    "objectives_as_of",
    "objectives_at",
    "score",
    "scores_as_of",
    "scores_at",
    "scoring_known_at",
]
