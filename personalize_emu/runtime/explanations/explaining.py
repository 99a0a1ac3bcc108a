"""The method with which an emulator explains recommendations."""

from __future__ import annotations

from abc import ABC, abstractmethod

from personalize_emu.runtime.explanations.explanation import Explanation, explain
from personalize_emu.service.core.context import Context
from personalize_emu.state.identifiers import parse_arn


class Explaining(ABC):
    """Explanations of one emulator."""

    def explain(self, campaign_arn: str, user_id: str, item_id: str) -> Explanation:
        """Why a campaign, or a recommender, gives an item to a user: `emulator.explain(arn, "u1", "i1")`.

        Raises:
            AwsError: no such deployment or item, or the item must not be recommended. ValueError: no ARN.
        """
        parsed = parse_arn(campaign_arn)
        if parsed is None:
            raise ValueError(f"{campaign_arn!r} is not the ARN of a campaign or recommender")
        return explain(self._context(parsed.region, parsed.account), campaign_arn, user_id, item_id)

    @abstractmethod
    def _context(self, region: str, account: str, *, may_wait: bool = True) -> Context:
        """Of requests in a region of an account."""
