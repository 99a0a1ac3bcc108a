"""Remembered scores and finished lists: what has been computed once is used again while it would come out the same.

Each entry holds its basis: everything that the answer was computed from and that can change. It is used only while
the basis is the same; nothing is ever invalidated.

    always                                trained version, configuration, events of the user, exploration window
    filters, promotions, metadata,        also: every change of a resource; rows of Items, Users and Actions;
    use cases that hide events            imported interactions; the clock, where F-52 leaves interactions out

A basis is taken before the computation. Changes are counted after they are made, so a change that comes in
between makes an entry that is not used again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS, INTERACTIONS, ITEMS, USERS
from personalize_emu.runtime.deployments import Deployment
from personalize_emu.runtime.exploration import window_of
from personalize_emu.runtime.filtering import contents_of, group_of, interactions_lapse
from personalize_emu.runtime.model_inputs import history_of, request_context
from personalize_emu.service.core.context import Context, MustWait, Params
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.remembered_answers import Basis, FinishedList, RememberedScores
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.wire.rendered import RenderedOnce

ENTRY_BYTES = 1500
"""Of an entry without its arrays and items: objects of this module, key and basis."""
ITEM_BYTES = 600
"""Of an item in a list: its dictionary, score, reason, id and JSON text, for ids of usual length."""
_NEVER = -1.0
_WITH_DATA = ("filterArn", "promotions", "metadataColumns")
"""Members of requests whose answers depend on datasets, filters and the clock."""

Scores = NDArray[np.floating[Any]]


def remembered_list(
    context: Context, deployment: Deployment, params: Params, make: Callable[[], list[dict[str, Any]]]
) -> FinishedList:
    """The list of a response. make: computes it; may raise, and then nothing is remembered.

    Raises:
        MustWait: it has to be computed.
    """
    lists = context.state.lists
    if not lists.most_bytes:
        _require_thread(context)
        return _finished(make(), (), inf, 0)
    key = (context.region, context.account, repr(params))
    basis = _basis(context, deployment, params)
    found = lists.get(key)
    if found is not None and found.basis == basis and context.clock.now() <= found.until:
        return found
    _require_thread(context)
    listed = make()
    until = _unchanged_until(context, deployment.trained) if _depends_on_data(deployment, params) else inf
    finished = _finished(listed, basis, until, len(key[2]))
    if until != _NEVER:
        lists.put(key, finished)
    return finished


def _require_thread(context: Context) -> None:
    if not context.may_wait:
        raise MustWait


def remembered_scores(
    context: Context, trained: TrainedVersion, key: Hashable, basis: Basis, compute: Callable[[], Scores]
) -> Scores:
    """Read-only scores of a model; computed for one request at a time.

    key: what is asked for. basis: what the scores depend on, besides the trained version and the key.
    """
    vectors = context.state.scores
    if not vectors.most_bytes:
        return compute()
    key, basis = (trained.arn, key), (weakref.ref(trained), *basis)
    found = vectors.get(key)
    if found is not None and found.basis == basis:
        return found.scores
    with context.state.scoring:
        found = vectors.get(key)
        if found is not None and found.basis == basis:
            return found.scores
        scores = _read_only(compute())
    vectors.put(key, RememberedScores(scores, basis, scores.nbytes + ENTRY_BYTES))
    return scores


def scores_for_user(context: Context, deployment: Deployment, params: Params) -> NDArray[np.float32]:
    """float32[items], read-only: the scores for the user and the context of a request."""
    trained, user_id = deployment.trained, params.get("userId", "")
    given = request_context(trained, params.get("context", {}))
    basis = user_basis(context.state.contents(trained.interactions_arn), user_id)

    def compute() -> Scores:
        return deployment.model.scores(history_of(context.state, trained, user_id, given))

    return remembered_scores(context, trained, ("user", deployment.influence, user_id, repr(given)), basis, compute)


def user_basis(contents: DatasetContents | None, user_id: str) -> Basis:
    """Of the streamed events of a user."""
    if contents is None:
        return (None,)
    return (weakref.ref(contents), *contents.user_version(user_id))


def _basis(context: Context, deployment: Deployment, params: Params) -> Basis:
    trained, user_id = deployment.trained, params.get("userId", "")
    events = user_basis(context.state.contents(trained.interactions_arn), user_id)
    always = (weakref.ref(trained), deployment.config, window_of(context, trained), *events)
    if not _depends_on_data(deployment, params):
        return always
    group_arn = group_of(context, trained)
    rows = [_rows_basis(contents_of(context, group_arn, kind)) for kind in (ITEMS, USERS, ACTIONS)]
    interactions = [
        (_layer_basis(contents), user_basis(contents, user_id))
        for kind in (INTERACTIONS, ACTION_INTERACTIONS)
        for contents in [contents_of(context, group_arn, kind)]
    ]
    return (*always, context.state.store.changes, *rows, *interactions)


def _depends_on_data(deployment: Deployment, params: Params) -> bool:
    return deployment.trained.recipe.hidden_event is not None or any(params.get(member) for member in _WITH_DATA)


def _rows_basis(contents: DatasetContents | None) -> Basis:
    return (None,) if contents is None else (*_layer_basis(contents), contents.data_version)


def _layer_basis(contents: DatasetContents | None) -> Basis:
    return (None,) if contents is None else (weakref.ref(contents), weakref.ref(contents.layer))


def _unchanged_until(context: Context, trained: TrainedVersion) -> float:
    """Epoch seconds up to which the clock alone changes nothing (F-52); _NEVER where it may at any time."""
    group_arn = group_of(context, trained)
    contents = [contents_of(context, group_arn, kind) for kind in (INTERACTIONS, ACTION_INTERACTIONS)]
    lapse = min(interactions_lapse(context, each) for each in contents)
    return lapse if context.clock.now() <= lapse else _NEVER


def _finished(listed: list[dict[str, Any]], basis: Basis, until: float, key_bytes: int) -> FinishedList:
    # Actions are not impressions of items (EV-75).
    item_ids = tuple([item["itemId"] for item in listed if "itemId" in item])
    metadata = sum([_metadata_bytes(item["metadata"]) for item in listed if "metadata" in item])
    size = ENTRY_BYTES + key_bytes + ITEM_BYTES * len(listed) + metadata
    return FinishedList(RenderedOnce(listed), item_ids, basis, until, size)


def _metadata_bytes(metadata: Mapping[str, str]) -> int:
    """Of values and their JSON text, in which a character takes up to six bytes."""
    return 300 + sum(150 + 10 * (len(name) + len(text)) for name, text in metadata.items())


def _read_only(scores: Scores) -> Scores:
    """Scores that nobody can change; without the rest of a larger array that they are a part of."""
    owner = scores.base
    if owner is not None and getattr(owner, "nbytes", 0) > scores.nbytes:
        scores = scores.copy()
    kept = scores.view()
    kept.flags.writeable = False
    return kept
