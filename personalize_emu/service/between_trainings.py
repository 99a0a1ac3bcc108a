"""What happens to a model from one training to the next."""

from __future__ import annotations

from dataclasses import replace

from personalize_emu.service.action_updates import action_updates_of
from personalize_emu.service.automatic_updates import Sources, updates_of
from personalize_emu.service.context import Context
from personalize_emu.service.evaluations import evaluations_of
from personalize_emu.service.incremental_training import increments_of
from personalize_emu.service.refreshing import begin_refreshing
from personalize_emu.service.series import Refreshing
from personalize_emu.service.trained import TrainedVersion
from personalize_emu.service.training import TrainingInput


def serve(context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources) -> None:
    """Answer for the version or recommender `arn` from a new model, and keep that up with the data.

    source: what it was trained on. sources: what another training would read.
    """
    trained = replace(trained, arn=arn, since=context.clock.now())
    refreshing = _refreshing_of(context, arn, trained, source, sources)
    context.world.trained[arn] = trained
    context.world.tallies.trained(trained.recipe.name)
    begin_refreshing(context, arn, refreshing)


def _refreshing_of(
    context: Context, arn: str, trained: TrainedVersion, source: TrainingInput, sources: Sources
) -> Refreshing | None:
    """Each model is kept up in one way at most."""
    return (
        evaluations_of(context, arn, trained)
        or updates_of(context, arn, trained, source, sources)
        or action_updates_of(context, trained)
        or increments_of(context, arn, trained, source, sources)
    )
