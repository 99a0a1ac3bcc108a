"""The shop as a Flask application. Its pages load nothing from elsewhere and need no script.

A visitor is a cookie. Opening pages sends events, as in any shop; forms are accepted from the shop's own pages only.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from personalize_emu.edge.http.origin_check import foreign_host, is_foreign_form
from personalize_emu.edge.http.wsgi import headers_of
from personalize_emu.shop.charts import DAY_HEIGHT, WIDTH, day_chart, group_chart, uplift_chart
from personalize_emu.shop.metrics import read_attribution
from personalize_emu.shop.report import report, share_text
from personalize_emu.shop.shop_log import Group, Session, group_of
from personalize_emu.shop.storefront import Storefront, UnknownProduct

SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    # A browser sends `Origin: null` with forms of pages that send no referrer.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
COOKIE = "visitor"
NEW = "new"
"""Value of the switch for somebody without a history."""
LONGEST_QUERY = 100
_VISITOR = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Shown:
    """What the pages show besides the storefront.

    visitors: label by id of known customers, for the switch. key: of the split into groups. seed: of intervals.
    cloudwatch: a boto3 client. clock: epoch seconds.
    """

    visitors: Mapping[str, str]
    key: str
    seed: int
    cloudwatch: Any
    console_url: str
    clock: Callable[[], float] = time.time


def create_shop(store: Storefront, shown: Shown) -> Flask:
    app = Flask(__name__)
    _guard(app)
    _pages(app, store, shown)
    _forms(app, store, shown)

    @app.get("/dashboard")
    def dashboard() -> ResponseReturnValue:
        found = report(store.log, read_attribution(shown.cloudwatch, shown.clock()), shown.seed)
        return render_template(
            "dashboard.html",
            report=found,
            groups=tuple(Group),
            charts=[group_chart(each) for each in found.comparisons],
            uplift=uplift_chart(found.comparisons),
            days=day_chart(found),
            width=WIDTH,
            day_height=DAY_HEIGHT,
            share_text=share_text,
        )

    return app


def known_visitors(personas: Mapping[str, str], key: str) -> dict[str, str]:
    """One customer of each persona in each group: label by id, for the switch."""
    chosen: dict[tuple[str, Group], str] = {}
    for user_id in sorted(personas):
        chosen.setdefault((personas[user_id], group_of(user_id, key)), user_id)
    return {user_id: f"{persona}, {group}" for (persona, group), user_id in sorted(chosen.items())}


def _guard(app: Flask) -> None:
    @app.before_request
    def refuse_foreign_pages() -> None:
        if foreign_host(request.host, "127.0.0.1") is not None:
            abort(403, "The shop answers on addresses of this machine only.")
        if request.method == "POST" and is_foreign_form(headers_of(request.environ)):
            abort(403, "This was sent by a page of another origin.")

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    @app.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> ResponseReturnValue:
        return render_template("error.html", error=error), error.code or 500


def _pages(app: Flask, store: Storefront, shown: Shown) -> None:
    @app.context_processor
    def header() -> dict[str, Any]:
        visitor_id = _visitor()
        return {
            "visitor_id": visitor_id,
            "group": group_of(visitor_id, shown.key) if visitor_id else None,
            "visitors": shown.visitors,
            "categories": store.catalog.categories,
            "console_url": shown.console_url,
        }

    @app.before_request
    def greet() -> ResponseReturnValue | None:
        """The first request of a browser makes a visitor of it."""
        if request.endpoint in ("static", "switch") or _visitor():
            return None
        response = redirect(request.full_path.rstrip("?") if request.method == "GET" else url_for("home"), 303)
        return _remember(response, _new_visitor())

    @app.get("/")
    def home() -> ResponseReturnValue:
        try:
            page = store.home(_session(store, shown), request.args.get("category"))
        except UnknownProduct:
            abort(404, "There is no such category.")
        return render_template("home.html", page=page)

    @app.get("/item/<item_id>")
    def item(item_id: str) -> ResponseReturnValue:
        now = shown.clock()
        try:
            page = store.product(_session(store, shown), item_id, request.args.get("list", ""), now, _device())
        except UnknownProduct:
            abort(404, "There is no such item.")
        return render_template("item.html", page=page)

    @app.get("/search")
    def search() -> ResponseReturnValue:
        text = request.args.get("q", "").strip()[:LONGEST_QUERY]
        return render_template("search.html", text=text, page=store.search(_session(store, shown), text))


def _forms(app: Flask, store: Storefront, shown: Shown) -> None:
    @app.post("/item/<item_id>/buy")
    def buy(item_id: str) -> ResponseReturnValue:
        try:
            product = store.buy(_session(store, shown), item_id, shown.clock(), _device())
        except UnknownProduct:
            abort(404, "There is no such item.")
        return render_template("bought.html", product=product)

    @app.post("/switch")
    def switch() -> ResponseReturnValue:
        chosen = request.form.get("visitor", "")
        if chosen != NEW and chosen not in shown.visitors:
            abort(400, "There is no such visitor.")
        return _remember(redirect(url_for("home"), 303), _new_visitor() if chosen == NEW else chosen)


def _visitor() -> str:
    """The id in the cookie; empty if there is none that can be one."""
    found = request.cookies.get(COOKIE, "")
    return found if _VISITOR.fullmatch(found) else ""


def _new_visitor() -> str:
    return f"visitor-{secrets.token_hex(4)}"


def _remember(response: Any, visitor_id: str) -> ResponseReturnValue:
    response.set_cookie(COOKIE, visitor_id, httponly=True, samesite="Lax")
    answer: Response = response
    return answer


def _session(store: Storefront, shown: Shown) -> Session:
    return store.log.session(_visitor(), shown.clock())


def _device() -> str:
    return "phone" if "Mobi" in request.headers.get("User-Agent", "") else "desktop"
