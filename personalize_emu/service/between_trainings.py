"""What happens to a model from one training to the next."""

from __future__ import annotations

from personalize_emu.service.context import Context
from personalize_emu.service.evaluations import evaluations_of
from personalize_emu.service.refreshing import begin_refreshing
from personalize_emu.service.trained import TrainedVersion


def serve(context: Context, arn: str, trained: TrainedVersion) -> None:
    """Answer for the version or recommender `arn` from a new model, and keep that up with the data."""
    context.world.trained[arn] = trained
    begin_refreshing(context, arn, evaluations_of(context, arn, trained))
