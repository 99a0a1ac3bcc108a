"""GetActionRecommendations (spec 09 section 10)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.schemas.columns import ACTION_ID
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS
from personalize_emu.recipes.contract.action_data import ActionHistory
from personalize_emu.recipes.contract.base import Kind
from personalize_emu.recipes.next_best_action import ActionModel
from personalize_emu.runtime.deployments import campaign_deployment
from personalize_emu.runtime.filtering import contents_of, group_of, records_of, requested_filter
from personalize_emu.runtime.model_inputs import MOST_STREAMED, history_of
from personalize_emu.runtime.remembered import remembered_scores, user_basis
from personalize_emu.runtime.responses import SCORE_PLACES, new_recommendation_id
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.service.training_data.actions import VALUE, outcome_of, outcomes_of
from personalize_emu.wire.errors import InvalidInputException

DEFAULT_RESULTS = 5
MOST_RESULTS = 100
DAY = 86_400
_EXPIRATIONS = ("ACTION_EXPIRATION_TIMESTAMP", "EXPIRATION_TIMESTAMP")
_REPEAT = "REPEAT_FREQUENCY"


@dataclass(frozen=True, eq=False)
class ActionEvents:
    """Action interactions of one user. actions: int32[k], numbers. outcomes: int8[k]. timestamps: int64[k]."""

    actions: NDArray[np.int32]
    outcomes: NDArray[np.int8]
    timestamps: NDArray[np.int64]

    def latest(self, action_count: int) -> NDArray[np.float64]:
        """float64[actions]: time of the user's last interaction with each action, -inf for never."""
        latest = np.full(action_count, -np.inf)
        np.maximum.at(latest, self.actions, self.timestamps)
        return latest


def get_action_recommendations(context: Context, params: Params) -> dict[str, Any]:
    count = _result_count(params)
    for member in ("campaignArn", "userId"):
        if not params.get(member):
            raise InvalidInputException(f"{member} is required")
    kinds = frozenset({Kind.ACTIONS})
    deployment = campaign_deployment(context, params["campaignArn"], "GetActionRecommendations", kinds)
    actions = _actions(context, deployment.trained, params, count)
    # Actions are not impressions of items (EV-75).
    return {"actionList": actions, "recommendationId": new_recommendation_id(context, params, ())}


def _actions(context: Context, trained: TrainedVersion, params: Params, count: int) -> list[dict[str, Any]]:
    user_id, model = params["userId"], trained.model
    if not isinstance(model, ActionModel):
        raise TypeError("a campaign of actions serves a model of actions")
    wanted = requested_filter(context, trained, params, user_id=user_id, item_id=None, entity="ActionID")
    group_arn = group_of(context, trained)
    view = context.state.indexes.catalog_view(records_of(context, group_arn, ACTIONS, ACTION_ID), trained)
    events = _action_events(context, group_arn, trained, user_id)
    now = context.clock.now()
    scores = _propensities(context, trained, model, user_id, events)
    pauses = view.numbers(_REPEAT) * DAY
    # Comparisons with NaN are false, so actions without such a column are never hidden.
    shown = ~(events.latest(len(scores)) + pauses > now)
    for name in _EXPIRATIONS:
        shown &= ~(view.numbers(name) <= now)
    if wanted is not None:
        shown &= wanted.over_catalog()
    # Action numbers follow the order of ids, so ties are ordered by id (RT-93, RT-94).
    best = np.lexsort((-np.nan_to_num(view.numbers(VALUE)), -scores))
    chosen = best[shown[best]][:count]
    return [{"actionId": model.actions[number], "score": float(scores[number])} for number in chosen.tolist()]


def _propensities(
    context: Context, trained: TrainedVersion, model: ActionModel, user_id: str, events: ActionEvents
) -> NDArray[np.floating[Any]]:
    """float[actions], rounded as on the wire."""

    def compute() -> NDArray[np.floating[Any]]:
        history = replace(history_of(context.state, trained, user_id), user_id=user_id)
        return model.propensities(history, ActionHistory(events.actions, events.outcomes)).round(SCORE_PLACES)

    streamed = user_basis(context.state.contents(trained.interactions_arn), user_id)
    basis = (*streamed, events.actions.tobytes(), events.outcomes.tobytes())
    return remembered_scores(context, trained, ("actions", user_id), basis, compute)


def _action_events(context: Context, group_arn: str, trained: TrainedVersion, user_id: str) -> ActionEvents:
    """The user's current imported and streamed interactions with actions that the model knows."""
    number_of = trained.number_of_answer
    contents = contents_of(context, group_arn, ACTION_INTERACTIONS)
    rows: list[tuple[int, int, int]] = []
    bulk = context.state.indexes.interactions(contents) if contents else None
    if bulk is not None:
        own = bulk.history_of(user_id)
        numbers = [number_of.get(bulk.item_ids[item], -1) for item in bulk.items[own].tolist()]
        outcomes = outcomes_of(bulk)[bulk.event_type_codes[own]].tolist()
        rows += zip(numbers, outcomes, bulk.timestamps[own].tolist(), strict=True)
    if contents is not None:
        live = contents.events_of(user_id, MOST_STREAMED)
        numbers, outcomes = [number_of.get(item, -1) for item in live.item_ids], [*map(outcome_of, live.event_types)]
        for item, kind, timestamp in zip(live.items, live.types, live.timestamps.tolist(), strict=True):
            rows.append((numbers[item], outcomes[kind], timestamp))
    known = [row for row in rows if row[0] >= 0]
    return ActionEvents(
        np.array([row[0] for row in known], np.int32),
        np.array([row[1] for row in known], np.int8),
        np.array([row[2] for row in known], np.int64),
    )


def _result_count(params: Params) -> int:
    """RT-96: 0 means the default."""
    count: int = params.get("numResults", 0)
    if count > MOST_RESULTS:
        raise InvalidInputException(f"numResults must be between 1 and {MOST_RESULTS}")
    return count or DEFAULT_RESULTS
