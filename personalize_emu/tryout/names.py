"""Names of columns that are recognised, in English, German, French and Spanish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

ROLES: Mapping[str, tuple[str, ...]] = {
    "user": (
        *("userid", "user", "customerid", "customer", "visitorid", "visitor", "memberid", "accountid", "sessionid"),
        *("client", "kunde", "kunden", "benutzer", "nutzer", "besucher", "utilisateur", "usuario", "cliente"),
    ),
    "item": (
        *("itemid", "item", "movieid", "movie", "filmid", "productid", "product", "articleid", "article", "sku"),
        *("asin", "bookid", "songid", "trackid", "contentid", "isbn"),
        *("artikel", "produkt", "produit", "producto", "articulo"),
    ),
    "time": (
        *("timestamp", "time", "date", "datetime", "createdat", "eventtime", "ts", "sentat", "unixtime"),
        *("zeitstempel", "zeitpunkt", "datum", "zeit", "horodatage", "fecha"),
    ),
    "event": (
        *("eventtype", "event", "action", "type", "behavior", "activity"),
        *("aktion", "ereignis", "evenement", "accion", "evento"),
    ),
    "rating": ("rating", "eventvalue", "score", "stars", "value", "bewertung", "valoracion"),
}
"""Role to the names of columns that have it, in lower case without accents and separators, the likeliest first."""
TITLES = (
    *("title", "name", "itemname", "producttitle", "productname", "label"),
    *("titel", "bezeichnung", "titre", "libelle", "nom", "titulo", "nombre"),
)
"""Names of columns that name items for people."""
_NUMBER = re.compile(r"^id|(?:id|nr|nummer)$")
"""What stands before or after a known name where the column has ids: idclient, produktid, kundennummer."""


def plain(name: str) -> str:
    """In lower case, without accents, blanks and signs: `Id_Título` is `idtitulo`."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^a-z0-9]", "", letters)


def named(columns: Iterable[str], known: Iterable[str]) -> list[str]:
    """The columns that have a known name, the likeliest first."""
    by_name = {plain(column): column for column in columns}
    return [by_name[name] for name in known if name in by_name]


def named_ids(columns: Iterable[str], known: Iterable[str]) -> list[str]:
    """As `named`, then the columns that have `id` or a number beside a known name."""
    columns, known = list(columns), list(known)
    by_stem = {_NUMBER.sub("", plain(column), count=1): column for column in columns}
    found = [*named(columns, known), *(by_stem[name] for name in known if name in by_stem)]
    return list(dict.fromkeys(found))
