"""The ten use cases: recipes of domain dataset groups, which recommenders are made from (spec 06 section 4)."""

from __future__ import annotations

from personalize_emu.service.catalog.recipe_facts import RecipeFacts, midnight

ECOMMERCE = "ECOMMERCE"
VIDEO_ON_DEMAND = "VIDEO_ON_DEMAND"

_CREATED = midnight(2019, 6, 10)
"""Of all ECOMMERCE use cases (R-31); for the others, whose dates are not published, our own decision."""


def _use_case(
    domain: str,
    suffix: str,
    recipe_type: str,
    description: str,
    *,
    needs: tuple[str, ...] = ("userId",),
    required_event: str | None = None,
    hidden_event: str | None = None,
    personal: bool = False,
    auto_update: bool = False,
) -> RecipeFacts:
    """personal: explores new items and follows events at once; one use case of each domain does (R-94, R-99)."""
    name = f"aws-{'ecomm' if domain == ECOMMERCE else 'vod'}-{suffix}"
    return RecipeFacts(
        name=name,
        recipe_type=recipe_type,
        description=description,
        created=_CREATED,
        algorithm_name=name,
        feature_transformation_name=name,
        domain=domain,
        needs=needs,
        real_time=personal,
        auto_update=personal or auto_update,
        exploration_age_minimum=1.0 if personal else None,
        required_event=required_event,
        hidden_event=hidden_event,
    )


USE_CASES: tuple[RecipeFacts, ...] = (
    _use_case(
        ECOMMERCE,
        "popular-items-by-views",
        "POPULAR_ITEMS",
        "Most viewed: the items with the most views.",
        required_event="View",
    ),
    _use_case(
        ECOMMERCE,
        "popular-items-by-purchases",
        "POPULAR_ITEMS",
        "Best sellers: the items with the most purchases.",
        required_event="Purchase",
    ),
    _use_case(
        ECOMMERCE,
        "frequently-bought-together",
        "RELATED_ITEMS",
        "Frequently bought together: items that customers buy along with the given one.",
        needs=("itemId",),
        required_event="Purchase",
    ),
    _use_case(
        ECOMMERCE,
        "customers-who-viewed-x-also-viewed",
        "RELATED_ITEMS",
        "Customers who viewed X also viewed: items seen by the viewers of the given one.",
        needs=("userId", "itemId"),
        required_event="View",
        hidden_event="Purchase",
    ),
    _use_case(
        ECOMMERCE,
        "recommended-for-you",
        "USER_PERSONALIZATION",
        "Recommended for you: items chosen for one customer, new ones among them.",
        hidden_event="Purchase",
        personal=True,
    ),
    _use_case(
        VIDEO_ON_DEMAND,
        "because-you-watched-x",
        "RELATED_ITEMS",
        "Because you watched X: videos watched by those who watched the given one.",
        needs=("userId", "itemId"),
        required_event="Watch",
        hidden_event="Watch",
    ),
    _use_case(
        VIDEO_ON_DEMAND,
        "more-like-x",
        "RELATED_ITEMS",
        "More like X: videos that resemble the given one.",
        needs=("userId", "itemId"),
        hidden_event="Watch",
    ),
    _use_case(
        VIDEO_ON_DEMAND,
        "most-popular",
        "POPULAR_ITEMS",
        "Most popular: the videos watched by the most users.",
        required_event="Watch",
    ),
    _use_case(
        VIDEO_ON_DEMAND,
        "trending-now",
        "POPULAR_ITEMS",
        "Trending now: videos that gain popularity fastest.",
        needs=(),
        auto_update=True,
    ),
    _use_case(
        VIDEO_ON_DEMAND,
        "top-picks",
        "USER_PERSONALIZATION",
        "Top picks for you: videos chosen for one user, new ones among them.",
        hidden_event="Watch",
        personal=True,
    ),
)
"""R-90 to R-101, R-105."""
