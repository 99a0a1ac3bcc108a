"""The answers that are declared in one emulator, and the one for a request.

request ─▶ DeclaredAnswers.answer ─▶ None: to the model
                                 └─▶ members of the response, or an error in strict mode
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from typing import Any

from personalize_emu.doubles.answers.declaration import METHODS, Declaration, answer_of, declaration_of
from personalize_emu.doubles.answers.deployments import (
    DEFAULT_RECIPES,
    DeclaredDeployments,
    Deployment,
    recipe_for,
    unknown,
)
from personalize_emu.doubles.answers.responses import check_request, response_of
from personalize_emu.doubles.handles import RemovableHandle
from personalize_emu.doubles.members import Members
from personalize_emu.service.core.context import Context, Params
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.store import Store
from personalize_emu.wire.errors import InvalidInputException

MOST_ANSWERS = 10_000
"""Of one emulator. The oldest that are used up are forgotten first."""
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-\d{1,2}")
ARN_MEMBERS = ("campaignArn", "recommenderArn")


class AnswerHandle(RemovableHandle):
    """A declared answer in the list of an emulator. As a context manager it is removed at the end of the block.

    number: 1 for the first of an emulator; also counts removed ones.
    """

    def __init__(self, number: int, shown: Callable[[], dict[str, Any]], remove: Callable[[int], object]) -> None:
        self.number = number
        self._shown = shown
        self._remove = remove

    def __repr__(self) -> str:
        return f"<answer {self._shown()}>"

    @property
    def hits(self) -> int:
        """How many requests it has answered."""
        count: int = self._shown()["hits"]
        return count

    def members(self) -> dict[str, Any]:
        """As JSON: id, the declaration, hits."""
        return self._shown()

    def remove(self) -> None:
        """Has no effect on an answer that has been removed."""
        self._remove(self.number)


class _Listed:
    """A declaration with its number, and how often it has been used."""

    def __init__(self, number: int, declaration: Declaration) -> None:
        self.number = number
        self.declaration = declaration
        self.hits = 0

    @property
    def used_up(self) -> bool:
        return self.declaration.times is not None and self.hits >= self.declaration.times

    def members(self) -> dict[str, Any]:
        return {"id": self.number, **self.declaration.members(), "hits": self.hits}


class DeclaredAnswers:
    """Thread-safe. strict: a request for recommendations that no answer is declared for is refused."""

    def __init__(self, *, strict: bool = False) -> None:
        self.deployments = DeclaredDeployments()
        self._lock = threading.RLock()
        self._listed: dict[int, _Listed] = {}
        self._by_deployment: dict[str, dict[str | None, list[_Listed]]] = {}
        self._last_number = 0
        self._any_deployment = False
        self._strict = strict
        self.in_use = strict
        """False for most emulators; reading it is all that a request costs without declarations."""

    @property
    def strict(self) -> bool:
        return self._strict

    @strict.setter
    def strict(self, on: bool) -> None:
        with self._lock:
            self._strict = on
            self._refresh_use()

    def declare(self, store: Store, given: Mapping[str, Any]) -> AnswerHandle:
        """Declare an answer; it wins over earlier ones, and replaces one for the same requests.

        Raises:
            ValueError: the message says what is accepted.
        """
        members = Members("an answer", given)
        deployment = self._named_deployment(store, members)
        return self._add(declaration_of(members, deployment))

    def declare_deployment(self, context: Context, given: Mapping[str, Any]) -> str:
        """Declare a campaign or recommender without data, and its answer to all requests; returns the ARN.

        given: its name is the member `campaign` or `recommender`.

        Raises:
            ValueError: the message says what is accepted.
        """
        kind = next(kind for kind in DEFAULT_RECIPES if given.get(kind) is not None)
        members = Members(f"a {kind} without data", given)
        name, recipe = members.text(kind), members.text("recipe", "")
        if not _REGION.fullmatch(members.text("region", context.region)):
            raise ValueError(f"region must be one such as us-east-1, not {context.region!r:.200}")
        facts = recipe_for(kind, recipe)
        answer = answer_of(members, has_scores=facts.has_scores, recipe=facts.name, required=False)
        members.refuse_others()
        deployment = self.deployments.declare(context, kind, name, facts)
        self._add(
            Declaration(
                operation=deployment.facts.operation or "",
                member=deployment.member,
                arn=deployment.arn,
                ordinal=deployment.ordinal,
                answer=answer,
            )
        )
        with self._lock:
            self._any_deployment = True
        return deployment.arn

    def answer(self, context: Context, operation: str, params: Params) -> dict[str, Any] | None:
        """The declared answer to a request for recommendations; None if the model answers, or refuses, it.

        Raises:
            InvalidInputException: the request is not allowed, or none is declared for it and there is no model, or the
                answers are strict.
        """
        if operation not in METHODS or sum(member in params for member in ARN_MEMBERS) != 1:
            return None
        arn = params.get("campaignArn") or params.get("recommenderArn") or ""
        deployment = self._active_deployment(context, arn, params)
        if deployment is None:
            if self._strict:
                raise self._undeclared(operation, arn, params)
            return None
        if deployment.facts.operation != operation:
            if deployment.has_model:
                return None
            raise InvalidInputException(
                f"Campaign recipe type {deployment.facts.recipe_type} is not supported by {operation}"
            )
        alone = self._strict or not deployment.has_model
        if not alone and arn not in self._by_deployment:
            return None
        check_request(deployment, operation, params)
        declaration = self._take(deployment, params)
        if declaration is not None:
            return response_of(context, deployment, operation, declaration.answer, params)
        if alone:
            raise self._undeclared(operation, arn, params)
        return None

    def listed(self) -> list[AnswerHandle]:
        """All that have not been removed, oldest first, including those that are used up."""
        with self._lock:
            return [self._handle(each) for each in self._listed.values()]

    def remove(self, number: int) -> bool:
        """False if there is no such answer."""
        with self._lock:
            found = self._listed.pop(number, None)
            if found is not None:
                self._unindex(found)
            self._refresh_use()
            return found is not None

    def clear(self) -> None:
        """Remove all answers. Campaigns and recommenders without data stay, and have no answer then."""
        with self._lock:
            self._listed.clear()
            self._by_deployment.clear()
            self._refresh_use()

    def _named_deployment(self, store: Store, members: Members) -> Deployment:
        given = {member: members.value(member, None) for member in ARN_MEMBERS}
        named = {member: arn for member, arn in given.items() if arn is not None}
        if len(named) != 1:
            raise ValueError("give exactly one of campaignArn and recommenderArn")
        member, arn = next(iter(named.items()))
        if not isinstance(arn, str):
            raise ValueError(f"{member} must be an ARN, not {arn!r:.200}")
        deployment = self.deployments.find(store, arn)
        if deployment is None:
            raise unknown(store, arn)
        if deployment.member != member:
            raise ValueError(f"{arn} is not a {member}: give it as {deployment.member}")
        return deployment

    def _active_deployment(self, context: Context, arn: str, params: Params) -> Deployment | None:
        """None if there is none in the account and region of the request that answers it."""
        deployment = self.deployments.find(context.state.store, arn)
        if deployment is None or deployment.member not in params or deployment.record.status != ACTIVE:
            return None
        return deployment if context.find(type(deployment.record), arn) is not None else None

    def _add(self, declaration: Declaration) -> AnswerHandle:
        with self._lock:
            same = self._by_deployment.get(declaration.arn, {}).get(declaration.user_id, ())
            if declaration.times is None:
                for each in [each for each in same if each.declaration.is_for_same_requests(declaration)]:
                    self.remove(each.number)
            if len(self._listed) >= MOST_ANSWERS:
                self._forget_one()
            self._last_number += 1
            listed = _Listed(self._last_number, declaration)
            self._listed[listed.number] = listed
            by_user = self._by_deployment.setdefault(declaration.arn, {})
            by_user.setdefault(declaration.user_id, []).append(listed)
            self._refresh_use()
            return self._handle(listed)

    def _take(self, deployment: Deployment, params: Params) -> Declaration | None:
        """The newest declaration for a request, counted as used."""
        with self._lock:
            by_user = self._by_deployment.get(deployment.arn, {})
            user_id = params.get("userId")
            of_user = by_user.get(user_id, []) if user_id is not None else []
            newest_first = merge(reversed(of_user), reversed(by_user.get(None, [])), key=lambda each: -each.number)
            for each in newest_first:
                if each.declaration.ordinal == deployment.ordinal and each.declaration.matches(params):
                    each.hits += 1
                    if each.used_up:
                        self._unindex(each)
                    return each.declaration
        return None

    def _undeclared(self, operation: str, arn: str, params: Params) -> InvalidInputException:
        with self._lock:
            known = list(self._listed.values())
        return InvalidInputException(_undeclared(operation, arn, params, known))

    def _handle(self, listed: _Listed) -> AnswerHandle:
        return AnswerHandle(listed.number, listed.members, self.remove)

    def _unindex(self, listed: _Listed) -> None:
        by_user = self._by_deployment.get(listed.declaration.arn, {})
        same = by_user.get(listed.declaration.user_id, [])
        if listed in same:
            same.remove(listed)
        if not same:
            by_user.pop(listed.declaration.user_id, None)
        if not by_user:
            self._by_deployment.pop(listed.declaration.arn, None)

    def _refresh_use(self) -> None:
        self.in_use = self._strict or self._any_deployment or bool(self._by_deployment)

    def _forget_one(self) -> None:
        oldest = next((number for number, each in self._listed.items() if each.used_up), None)
        if oldest is None:
            raise ValueError(f"there are {MOST_ANSWERS} declared answers already; remove some first")
        del self._listed[oldest]


def _undeclared(operation: str, arn: str, params: Params, known: list[_Listed]) -> str:
    """The message of a refused request; names the nearest declaration."""
    members = {name: params[name] for name in (*ARN_MEMBERS, "userId", "itemId") if name in params}
    start = f"No answer is declared for {operation} with {_shown(members)}. "
    if not known:
        return f"{start}Nothing is declared: use {METHODS[operation]}() of the emulator, or POST /_emu/answers."
    nearest = min(known, key=lambda each: (len(_differing(each, operation, arn, params)), -each.number))
    differing = _differing(nearest, operation, arn, params)
    reason = f"it differs in {', '.join(differing)}" if differing else "its campaign or recommender was deleted"
    if nearest.used_up and not differing:
        reason = f"it was used up after {nearest.declaration.times} requests"
    declaration = nearest.declaration
    return (
        f"{start}The nearest declaration is number {nearest.number}, for {declaration.operation} with "
        f"{_shown(declaration.conditions())}: {reason}."
    )


def _differing(listed: _Listed, operation: str, arn: str, params: Params) -> list[str]:
    declaration = listed.declaration
    found = [] if declaration.arn == arn else [declaration.member]
    found += declaration.differences(params)
    return found if declaration.operation == operation else ["operation", *found]


def _shown(members: Mapping[str, Any]) -> str:
    def texts() -> Iterator[str]:
        for name, value in members.items():
            yield f"{name} {value!r:.300}"

    return ", ".join(texts())
