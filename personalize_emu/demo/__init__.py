"""A shop that never was: believable shopping behaviour with known effects planted in it.

`generate()` gives the same bytes for the same arguments. What is in the data, so that tests can look for it:

1.  Personas. Each shopper has one (cook, parent, outdoor, office, gadget, pets); about three quarters of what
    they look at lies in their persona's categories.
2.  Consumables (coffee, soap, ink ...) are bought again by the same shopper, after a time typical of the
    category; durables (printers, tents ...) are bought by a shopper once.
3.  Sequences. A printer is followed by ink, a tent by a sleeping bag, a camera by memory cards, a coffee
    machine by coffee: see `shop.FOLLOW_UPS`.
4.  Sessions. Events come in sessions of a few minutes around one category; a purchase follows views.
5.  Price levels. Each shopper keeps to cheap, middle or dear goods.
6.  Brands. Each shopper prefers one brand where it makes the thing wanted.
7.  Popularity within a category is skewed: the first items sell most.
8.  Weeks and seasons. Saturdays and Sundays are busier; tents sell in summer, tea and lamps in winter.
9.  Trends. A few items (`Dataset.trending`) become several times as popular in the last four weeks.
10. New items. One item in ten arrives in the last twelve weeks and has no events before its
    CREATION_TIMESTAMP; the very last arrivals have no events at all.
11. Devices. On phones people reorder consumables, on desktops they choose durables (column DEVICE).
12. Shoppers' metadata (AGE_GROUP, MEMBERSHIP_STATUS) leans towards their persona and activity.
"""

from personalize_emu.demo.dataset import Dataset, Interaction, Item, Shopper
from personalize_emu.demo.shoppers import generate

__all__ = ["Dataset", "Interaction", "Item", "Shopper", "generate"]
