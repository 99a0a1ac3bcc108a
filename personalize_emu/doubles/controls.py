"""The methods with which a test declares answers and reads calls; the same in process and over HTTP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.doubles.answers.declared_answers import AnswerHandle
from personalize_emu.doubles.answers.deployments import DEFAULT_RECIPES
from personalize_emu.doubles.members import Members
from personalize_emu.doubles.recorded_calls import RecordedCall

Metadata = Mapping[str, Mapping[str, str]]
"""Item id to column to text."""


class Controls(ABC):
    """Declared answers and recorded calls of one emulator. All methods that declare raise ValueError, with a message
    that says what is accepted.
    """

    def recommend(
        self,
        campaign_arn: str | None = None,
        user_id: str | None = None,
        items: Sequence[str] = (),
        *,
        item_id: str | None = None,
        recommender_arn: str | None = None,
        scores: Sequence[float] | None = None,
        metadata: Metadata | None = None,
        where: Mapping[str, Any] | None = None,
        times: int | None = None,
    ) -> AnswerHandle:
        """Declare the answer of GetRecommendations: `emulator.recommend(arn, user_id="u1", items=["a", "b"])`.

        Of several declarations for a request the newest one wins, so declare the one for any user first.

        Args:
            campaign_arn: of the requests; or give recommender_arn.
            user_id, item_id: of the requests; by default any, or none.
            items: ids, best first. Requests get at most numResults of them.
            scores: one for each item; by default made ones, where the recipe has scores.
            metadata: for requests with metadataColumns.
            where: further members that requests must have, such as `{"context": {"DEVICE": "phone"}}`; in objects and
                lists, at least the given ones.
            times: how many requests are answered; by default all until the answer is removed.
        """
        deployment = {"campaignArn": campaign_arn, "recommenderArn": recommender_arn}
        conditions = {"userId": user_id, "itemId": item_id, "where": where, "times": times}
        return self._declared("GetRecommendations", {**deployment, **conditions}, items, scores, metadata)

    def rank(
        self,
        campaign_arn: str,
        user_id: str | None = None,
        items: Sequence[str] = (),
        *,
        scores: Sequence[float] | None = None,
        metadata: Metadata | None = None,
        where: Mapping[str, Any] | None = None,
        times: int | None = None,
    ) -> AnswerHandle:
        """Declare the answer of GetPersonalizedRanking, as with `recommend`.

        items: the order in which they are ranked, where they are in inputList; its other items follow without score.
        """
        conditions = {"campaignArn": campaign_arn, "userId": user_id, "where": where, "times": times}
        return self._declared("GetPersonalizedRanking", conditions, items, scores, metadata)

    def actions(
        self,
        campaign_arn: str,
        user_id: str | None = None,
        items: Sequence[str] = (),
        *,
        scores: Sequence[float] | None = None,
        where: Mapping[str, Any] | None = None,
        times: int | None = None,
    ) -> AnswerHandle:
        """Declare the answer of GetActionRecommendations, as with `recommend`. items: ids of actions."""
        conditions = {"campaignArn": campaign_arn, "userId": user_id, "where": where, "times": times}
        return self._declared("GetActionRecommendations", conditions, items, scores, None)

    def campaign(
        self,
        name: str,
        items: Sequence[str] = (),
        *,
        recipe: str | None = None,
        scores: Sequence[float] | None = None,
        metadata: Metadata | None = None,
        region: str | None = None,
    ) -> str:
        """Declare a campaign without data and its answer to all requests; returns the ARN.

        It is ACTIVE at once, and can be described, listed, tagged and deleted.

        Args:
            recipe: name or ARN, which decides the operation that it answers; by default aws-user-personalization.
            region: by default that of the emulator's settings.
        """
        answer = _answer(items, scores, metadata)
        return self._declare_deployment({"campaign": name, "recipe": recipe, "region": region, **answer})

    def recommender(
        self,
        name: str,
        items: Sequence[str] = (),
        *,
        recipe: str | None = None,
        metadata: Metadata | None = None,
        region: str | None = None,
    ) -> str:
        """As `campaign`, for a recommender; its recipe is by default aws-ecomm-recommended-for-you."""
        answer = _answer(items, None, metadata)
        return self._declare_deployment({"recommender": name, "recipe": recipe, "region": region, **answer})

    def declare(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """What POST /_emu/answers does: declare an answer, a campaign or recommender without data, or strictness."""
        if "strict" in document:
            members = Members("a switch of strict answers", document)
            on = members.truth("strict")
            members.refuse_others()
            self.strict_answers(on)
            return {"strict": on}
        kind = next((kind for kind in DEFAULT_RECIPES if document.get(kind) is not None), None)
        if kind is not None:
            return {f"{kind}Arn": self._declare_deployment(document)}
        return self._declare(document).members()

    @abstractmethod
    def strict_answers(self, on: bool = True) -> None:
        """Refuse every request for recommendations that no answer is declared for, with an InvalidInputException that
        names the nearest declaration.
        """

    @abstractmethod
    def answers(self) -> list[AnswerHandle]:
        """The declared answers that have not been removed, oldest first."""

    @abstractmethod
    def clear_answers(self) -> None:
        """Remove all declared answers. Campaigns and recommenders without data stay, and have no answer then."""

    @abstractmethod
    def calls(self, operation: str | None = None) -> list[RecordedCall]:
        """The newest requests and their answers, oldest first. operation: only those.

        Raises:
            ValueError: there is no such operation.
        """

    @abstractmethod
    def clear_calls(self) -> None:
        """Forget the calls up to now."""

    @abstractmethod
    def _declare(self, document: Mapping[str, Any]) -> AnswerHandle:
        """Declare an answer from JSON members; None counts as absent."""

    @abstractmethod
    def _declare_deployment(self, document: Mapping[str, Any]) -> str:
        """Declare a campaign or recommender from JSON members; None counts as absent."""

    def _declared(
        self,
        operation: str,
        conditions: Mapping[str, Any],
        items: Sequence[str],
        scores: Sequence[float] | None,
        metadata: Metadata | None,
    ) -> AnswerHandle:
        return self._declare({"operation": operation, **conditions, **_answer(items, scores, metadata)})


def _answer(items: Sequence[str], scores: Sequence[float] | None, metadata: Metadata | None) -> dict[str, Any]:
    """A text is a sequence of texts, too, and is refused later."""
    shown = items if isinstance(items, str) else list(items)
    return {"items": shown, "scores": None if scores is None else list(scores), "metadata": metadata}
