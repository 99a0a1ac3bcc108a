"""What one declaration says: for which requests, and what they are answered with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.doubles.answers.deployments import Deployment
from personalize_emu.doubles.fault_list import subset_of
from personalize_emu.doubles.members import Members
from personalize_emu.wire.models import operations

LONGEST_ID = 256
"""Characters of an item or action id (RT-13)."""
MOST_ITEMS = 10_000
MOST_TIMES = 1_000_000_000
METHODS: Mapping[str, str] = {
    "GetRecommendations": "recommend",
    "GetPersonalizedRanking": "rank",
    "GetActionRecommendations": "actions",
}
"""Operation to the method of the emulator that declares its answers."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """items: ids of items or actions, best first. scores: one for each; None for made ones, if the recipe has scores.

    metadata: item id to column, in lower case, to text.
    """

    items: tuple[str, ...] = ()
    scores: tuple[float, ...] | None = None
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"items": list(self.items)}
        if self.scores is not None:
            shown["scores"] = list(self.scores)
        if self.metadata:
            shown["metadata"] = {item: dict(columns) for item, columns in self.metadata.items()}
        return shown


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """user_id, item_id: of the requests; None for any. where: further members that requests must have.

    arn: of the campaign or recommender; ordinal: of its record, so that a later one with the same ARN is another.
    times: how many requests it answers; None for all.
    """

    operation: str
    member: str
    arn: str
    ordinal: int
    answer: Answer
    user_id: str | None = None
    item_id: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = None

    def matches(self, params: Mapping[str, Any]) -> bool:
        return not self.differences(params)

    def differences(self, params: Mapping[str, Any]) -> list[str]:
        """The members of a request to the same deployment that it is not for."""
        wanted = {"userId": self.user_id, "itemId": self.item_id}
        found = [name for name, value in wanted.items() if value is not None and params.get(name) != value]
        return found + [name for name, value in self.where.items() if not subset_of(value, params.get(name))]

    def is_for_same_requests(self, other: Declaration) -> bool:
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("operation", "arn", "ordinal", "user_id", "item_id", "where")
        )

    def conditions(self) -> dict[str, Any]:
        """The requests it is for, as members of them."""
        given = {self.member: self.arn, "userId": self.user_id, "itemId": self.item_id}
        return {name: value for name, value in given.items() if value is not None} | dict(self.where)

    def members(self) -> dict[str, Any]:
        """As JSON, in the form in which it is declared over HTTP."""
        shown = {
            **{"operation": self.operation, self.member: self.arn, "userId": self.user_id, "itemId": self.item_id},
            **{"where": dict(self.where) or None, "times": self.times},
        }
        return {name: value for name, value in shown.items() if value is not None} | self.answer.members()


def declaration_of(members: Members, deployment: Deployment) -> Declaration:
    """The declaration in JSON members; those that name the deployment have been read.

    Raises:
        ValueError: the message says what is accepted.
    """
    facts = deployment.facts
    operation = _operation(members.text("operation", ""), deployment)
    found = Declaration(
        operation=operation,
        member=deployment.member,
        arn=deployment.arn,
        ordinal=deployment.ordinal,
        user_id=_condition(members, "userId"),
        item_id=_condition(members, "itemId"),
        where=members.mapping("where"),
        times=members.whole("times", 1, MOST_TIMES),
        answer=answer_of(members, has_scores=facts.has_scores, recipe=facts.name, required=True),
    )
    members.refuse_others()
    _check_where(found)
    if found.item_id is not None and operation != "GetRecommendations":
        raise ValueError(f"requests of {operation} have no itemId")
    return found


def answer_of(members: Members, *, has_scores: bool, recipe: str, required: bool) -> Answer:
    """Raises ValueError: not a list of distinct ids, or scores and metadata that do not fit to it."""
    items = members.value("items", None)
    if items is None and not required:
        items = []
    if not isinstance(items, list | tuple) or not all(_is_id(each) for each in items):
        raise ValueError(f"items must be a list of ids of 1 to {LONGEST_ID} characters, best first, not {items!r:.200}")
    if len(items) > MOST_ITEMS:
        raise ValueError(f"items must have at most {MOST_ITEMS} ids, not {len(items)}")
    repeated = [item for item, count in Counter(items).items() if count > 1]
    if repeated:
        raise ValueError(f"items has {repeated[0]!r:.200} twice; an answer of the service has each item once")
    scores = members.value("scores", None)
    if scores is not None:
        _check_scores(scores, len(items))
        if not has_scores:
            raise ValueError(f"answers of the recipe {recipe} have no scores: leave them out")
    metadata = _metadata(members.mapping("metadata"), items)
    return Answer(items=tuple(items), scores=None if scores is None else tuple(map(float, scores)), metadata=metadata)


def _operation(given: str, deployment: Deployment) -> str:
    operation = deployment.facts.operation
    if operation is None:
        raise ValueError(f"{deployment.arn} has the recipe {deployment.facts.name}, which answers no requests")
    if given and given != operation:
        raise ValueError(
            f"{deployment.arn} has the recipe {deployment.facts.name}, which answers {operation}, not {given}: "
            f"use {METHODS[operation]}() of the emulator, or the operation {operation}"
        )
    return operation


def _condition(members: Members, name: str) -> str | None:
    if members.value(name, None) is None:
        return None
    text = members.text(name)
    if not _is_id(text):
        raise ValueError(f"{name} must have 1 to {LONGEST_ID} characters; leave it out for any")
    return text


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID


def _check_scores(scores: Any, count: int) -> None:
    if not isinstance(scores, list | tuple) or not all(_is_score(each) for each in scores):
        raise ValueError(f"scores must be a list of numbers from 0 to 1, not {scores!r:.200}")
    if len(scores) != count:
        raise ValueError(f"scores must have one number for each of the {count} items, not {len(scores)}")


def _is_score(value: object) -> bool:
    """False for NaN, which no comparison holds for."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _metadata(given: Mapping[str, Any], items: list[str] | tuple[str, ...]) -> dict[str, dict[str, str]]:
    for item, columns in given.items():
        if item not in items:
            raise ValueError(f"metadata is for {item!r:.200}, which is not one of the items")
        texts = isinstance(columns, Mapping) and all(
            isinstance(name, str) and isinstance(text, str) for name, text in columns.items()
        )
        if not texts:
            raise ValueError(f"metadata of {item!r:.200} must be an object of column names and texts")
    return {item: {name.lower(): text for name, text in columns.items()} for item, columns in given.items()}


def _check_where(declaration: Declaration) -> None:
    shape = operations()[declaration.operation].input_shape
    known = list(shape.members) if shape is not None else []
    unknown = [name for name in declaration.where if name not in known]
    if unknown:
        raise ValueError(
            f"where names members of the request; {declaration.operation} has no {unknown[0]!r:.200}, "
            f"it has {', '.join(known)}"
        )
