"""Generated shop data with known effects, and a demo of the whole path from data to recommendations.

`generate()` returns identical data for identical arguments. The effects in the data, which tests can check for:

1.  Personas. Each user has one (cook, parent, outdoor, office, gadget, pets); about three quarters of the user's views
    are in the categories of the persona.
2.  Consumables (coffee, soap, ink ...) are bought repeatedly, at intervals typical of the category; durables (printers,
    tents ...) are bought once per user.
3.  Sequences. Ink is bought after a printer, a sleeping bag after a tent, memory cards after a camera, coffee after a
    coffee machine: see `shop.FOLLOW_UPS`.
4.  Sessions. Events occur in sessions of a few minutes in one category; a purchase follows views.
5.  Price levels. Each user prefers cheap, medium or expensive items.
6.  Brands. Each user prefers one brand in the categories where it exists.
7.  Popularity within a category is skewed: the first items sell most.
8.  Weeks and seasons. Weekends are busier; tents sell in summer, tea and lamps in winter.
9.  Trends. A few items (`Dataset.trending`) become several times as popular in the last four weeks.
10. New items. One item in ten is added in the last twelve weeks and has no events before its CREATION_TIMESTAMP; the
    newest items have no events at all.
11. Devices. Consumables are reordered on phones, durables are chosen on desktops (column DEVICE).
12. User metadata (AGE_GROUP, MEMBERSHIP_STATUS) correlates with persona and activity.
"""

from personalize_emu.demo.dataset import Dataset, Interaction, Item, Shopper
from personalize_emu.demo.shoppers import generate

__all__ = ["Dataset", "Interaction", "Item", "Shopper", "generate"]
