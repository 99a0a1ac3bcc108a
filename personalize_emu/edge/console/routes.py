"""Flask routes below /_emu/console: pages, the parts of pages that are polled, and what can be done from them.

GET changes nothing. POST is accepted from pages of this server only. The pages load nothing from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from personalize_emu.edge.http.origin_check import is_foreign_form
from personalize_emu.edge.http.wsgi import headers_of
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ClockOutOfRange
from personalize_emu.state.durations import parse_duration

if TYPE_CHECKING:
    from personalize_emu.edge.console.log_page import LogPage

PREFIX = "/_emu/console"
SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    # A browser sends `Origin: null` with forms of pages that send no referrer.
    "referrer-policy": "same-origin",
}
UNCHANGED = 204
"""htmx keeps what is shown."""


def console_routes(emulator: Emulator) -> Blueprint:
    """The blueprint of all routes below /_emu/console. Pages are imported when they are first shown."""
    routes = Blueprint("console", __name__, url_prefix=PREFIX, template_folder="templates", static_folder="static")

    @routes.before_request
    def refuse_foreign_pages() -> None:
        if request.method == "POST" and is_foreign_form(headers_of(request.environ)):
            abort(403, "This was sent by a page of another origin.")

    @routes.after_request
    def add_security_headers(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    @routes.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> ResponseReturnValue:
        return error_page(error)

    @routes.get("/")
    def overview() -> ResponseReturnValue:
        return _overview(emulator)

    @routes.get("/parts/groups")
    def groups() -> ResponseReturnValue:
        from personalize_emu.edge.console.overview import tree

        return _polled("console/groups.html", tree=tree(emulator), is_update=True)

    @routes.get("/parts/calls")
    def calls() -> ResponseReturnValue:
        from personalize_emu.edge.console.overview import newest_calls

        return _polled("console/calls.html", calls=newest_calls(emulator))

    @routes.get("/dataset")
    def dataset() -> ResponseReturnValue:
        from personalize_emu.edge.console.dataset_page import dataset_page

        page = dataset_page(emulator, request.args.get("arn", "")) or _unknown("dataset")
        return render_template("console/dataset.html", page=page)

    @routes.get("/solutions")
    def solutions() -> ResponseReturnValue:
        from personalize_emu.edge.console.solutions_page import solutions_page

        page = solutions_page(emulator, request.args.get("group", "")) or _unknown("dataset group")
        return render_template("console/solutions.html", page=page)

    @routes.get("/events")
    def events() -> ResponseReturnValue:
        from personalize_emu.edge.console.events_page import PERIODS, events_page

        page = events_page(emulator, request.args) or _unknown("dataset group")
        return render_template("console/events.html", page=page, periods=tuple(PERIODS))

    @routes.get("/log")
    def log() -> ResponseReturnValue:
        return render_template("console/log.html", page=_log(emulator))

    @routes.get("/parts/log")
    def log_lines() -> ResponseReturnValue:
        return _polled("console/log_lines.html", page=_log(emulator))

    @routes.get("/usage")
    def usage() -> ResponseReturnValue:
        return render_template("console/usage.html", usage=emulator.usage())

    @routes.get("/try")
    def try_it() -> ResponseReturnValue:
        return _try_page(emulator, request.args)

    @routes.post("/try")
    def send_try() -> ResponseReturnValue:
        return _try_page(emulator, request.args, request.form)

    @routes.get("/why")
    def why() -> ResponseReturnValue:
        return _why_page(emulator, request.args)

    @routes.post("/clock")
    def clock() -> ResponseReturnValue:
        given = request.form.get("advance", "")
        try:
            emulator.advance(parse_duration(given))
        except (ValueError, ClockOutOfRange) as error:
            return _overview(emulator, given, str(error)), 400
        return redirect(url_for("console.overview"), 303)

    return routes


def error_page(error: HTTPException) -> ResponseReturnValue:
    """The page that tells what is wrong with a request."""
    response = make_response(render_template("console/error.html", error=error), error.code or 500)
    response.headers.update(SECURITY_HEADERS)
    return response


def is_console_path(path: str) -> bool:
    return path == PREFIX or path.startswith(PREFIX + "/")


def _try_page(
    emulator: Emulator, args: Mapping[str, str], sent: Mapping[str, str] | None = None
) -> ResponseReturnValue:
    """sent: the fields of the form; None where only the form is to be shown."""
    from personalize_emu.edge.console.try_requests import Form, Outcome, tried
    from personalize_emu.edge.console.trying import choices, deployment

    offered, arn = choices(emulator), args.get("arn")
    if not offered and arn is None and sent is None:
        return render_template("console/try.html", choices=())
    chosen = deployment(emulator, arn if arn is not None else offered[0].arn if offered else "")
    if chosen is None:
        _unknown("campaign or recommender with a trained model")
    form = Form(args if sent is None else sent)
    outcome = Outcome(form["user"]) if sent is None else tried(emulator, chosen, form)
    event_type, properties = chosen.click_event()
    page = render_template(
        "console/try.html",
        choices=offered,
        deployment=chosen,
        form=form,
        outcome=outcome,
        history=chosen.history(outcome.user),
        event_type=event_type,
        properties=json.dumps(properties) if properties else "",
    )
    return page, 400 if outcome.errors else 200


def _why_page(emulator: Emulator, args: Mapping[str, str]) -> ResponseReturnValue:
    from personalize_emu.edge.console.trying import deployment
    from personalize_emu.edge.console.why_page import NotExplained, why_page

    chosen = deployment(emulator, args.get("arn", "")) or _unknown("campaign or recommender with a trained model")
    page = why_page(emulator, chosen, args)
    if isinstance(page, NotExplained):
        abort(404 if page.is_unknown else 400, page.reason)
    return render_template("console/why.html", deployment=chosen, page=page)


def _log(emulator: Emulator) -> LogPage:
    from personalize_emu.edge.console.log_page import log_page

    return log_page(emulator, request.args.get("arn", "")) or _unknown("resource with a status")


def _unknown(kind: str) -> NoReturn:
    abort(404, f"There is no such {kind}; it may have been deleted.")


def _overview(emulator: Emulator, advance: str = "", clock_error: str | None = None) -> str:
    from personalize_emu.edge.console.overview import moment, newest_calls, tree

    shown = {"tree": tree(emulator), "calls": newest_calls(emulator), "now": moment(emulator.clock.now())}
    return render_template("console/overview.html", advance=advance, clock_error=clock_error, **shown)


def _polled(template: str, **shown: Any) -> ResponseReturnValue:
    """A part of a page, or nothing if it is what the browser shows already."""
    parts = [each for each in shown.values() if hasattr(each, "fingerprint")]
    if all(part.fingerprint == request.args.get("seen") for part in parts):
        return "", UNCHANGED
    return render_template(template, **shown)
