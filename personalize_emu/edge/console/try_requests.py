"""Requests and events sent from the form of "Try it", like those of any client.

Wrong values are reported at their field: those that the form can tell itself, and those that the service refuses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.edge.console.expression_errors import Caret, caret_of
from personalize_emu.edge.console.trying import Deployment, Named, parameters_of
from personalize_emu.edge.operation_calls import OperationRefused, call_operation
from personalize_emu.emulator import Emulator
from personalize_emu.state.identifiers import parse_arn
from personalize_emu.state.lifecycle import CREATING
from personalize_emu.state.resources import Filter

DEFAULT_RESULTS = 10
INVENTED = "invented-"
"""First part of the ids of invented users."""
MOST_CLICKS = 10
"""Events of one PutEvents."""
ELSEWHERE = "form"
"""The place of an error that belongs to no field."""
FIELD_OF_MESSAGE: tuple[tuple[str, str], ...] = (
    (r"numResults", "count"),
    (r"userId", "user"),
    (r"itemId", "item"),
    (r"inputList", "items"),
    (r"percentPromotedItems", "promotion_percent"),
    (r"promotion", "promotion"),
    (r"propert", "properties"),
    (r"eventType", "event_type"),
)
"""Of messages of the service: what they name, and the field it comes from."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class WrongField(Exception):
    """A value of the form is not acceptable; the text of the exception is shown at the field."""

    def __init__(self, name: str, message: str, caret: Caret | None = None) -> None:
        super().__init__(message)
        self.name, self.message, self.caret = name, message, caret


@dataclass(frozen=True)
class Form:
    """The fields as sent: text without blanks around it, empty where nothing was given."""

    values: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        # Browsers send line breaks of text areas as two characters, and count them as one.
        return self.values.get(name, "").replace("\r\n", "\n").strip()

    def lines(self, name: str) -> list[str]:
        """Values of a field with one a line, or separated by commas."""
        return [each.strip() for each in re.split(r"[\n,]", self[name]) if each.strip()]

    def number(self, name: str, default: int) -> int:
        try:
            return int(self[name]) if self[name] else default
        except ValueError:
            raise WrongField(name, "must be a whole number") from None


@dataclass(frozen=True)
class Place:
    """One line of an answer. moved: places up since the list before; None if there was none, or it is new."""

    number: int
    named: Named
    score: float | None
    promoted: bool
    moved: int | None
    is_new: bool


@dataclass(frozen=True)
class Outcome:
    """What came of the form. places: None if no list was asked for or it was refused. user: also an invented one.

    sent: what was sent before the list was asked for, in words. caret: where the text of the wrong field is wrong.
    """

    user: str
    places: tuple[Place, ...] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    sent: str = ""
    caret: Caret | None = None


def tried(emulator: Emulator, deployment: Deployment, form: Form) -> Outcome:
    """Send the events that were asked for, then ask for the list."""
    sender, user, sent = _Sender(emulator, deployment, form), form["user"], ""
    try:
        if form["click"]:
            sender.click(_user_who_clicks(user), form["click"])
            kind, name = form["event_type"] or deployment.click_event()[0], deployment.named(form["click"]).name
            sent = f"Sent a {kind} of {name} by {user}."
        elif form["invented"] and not user:
            user, items = sender.invented_user(), form.lines("invented")
            sender.send(user, items, "invented")
            sent = f"Invented the user {user} with {len(items)} interactions."
        return Outcome(user, sender.listed(user), sent=sent)
    except WrongField as error:
        return Outcome(user, errors={error.name: error.message}, sent=sent, caret=error.caret)


def _user_who_clicks(user: str) -> str:
    if not user:
        raise WrongField("user", "give a user whose event this is")
    return user


class _Sender:
    """Calls operations in the region and account of the deployment."""

    def __init__(self, emulator: Emulator, deployment: Deployment, form: Form) -> None:
        self.emulator, self.deployment, self.form = emulator, deployment, form
        parsed = parse_arn(deployment.arn)
        assert parsed is not None
        self.region, self.account = parsed.region, parsed.account

    def invented_user(self) -> str:
        """The next id that has no events yet."""
        number = 1
        while self.deployment.history(f"{INVENTED}{number}"):
            number += 1
        return f"{INVENTED}{number}"

    def click(self, user: str, number: str) -> None:
        """An event on an item, or on an action."""
        if not self.deployment.lists_actions:
            self.send(user, [number])
            return
        now, kind = self.emulator.clock.now(), self.form["event_type"] or self.deployment.click_event()[0]
        interaction = {"actionId": number, "userId": user, "sessionId": f"{user}-console", "timestamp": now}
        params = {"trackingId": self._actions_tracking_id(), "actionInteractions": [{**interaction, "eventType": kind}]}
        self._call("PutActionInteractions", params, "event_type")

    def _actions_tracking_id(self) -> str:
        found = self.deployment.actions_tracking_id
        if found is None:
            raise WrongField(ELSEWHERE, "Create an action interactions dataset to send what users do with actions.")
        return found

    def send(self, user: str, items: list[str], name: str = "click") -> None:
        """One event for each item, a second apart, the last one now."""
        if len(items) > MOST_CLICKS:
            raise WrongField(name, f"at most {MOST_CLICKS} items")
        now = self.emulator.clock.now()
        kind, properties = self.form["event_type"] or "click", self._properties()
        if self.deployment.lists_actions:
            # The fields are about events on actions.
            kind, properties = self.deployment.common_event()
        given = {"properties": json.dumps(properties)} if properties else {}
        events = [
            {"eventType": kind, "itemId": item, "sentAt": now - (len(items) - 1 - place), **given}
            for place, item in enumerate(items)
        ]
        params = {"trackingId": self._tracking_id(), "userId": user, "sessionId": f"{user}-console"}
        self._call("PutEvents", {**params, "eventList": events}, "event_type")

    def _properties(self) -> dict[str, Any]:
        text = self.form["properties"]
        try:
            properties = json.loads(text) if text else {}
        except (ValueError, RecursionError) as error:
            raise WrongField("properties", f"must be a JSON object: {error}") from None
        if not isinstance(properties, dict):
            raise WrongField("properties", 'must be a JSON object, such as {"device": "phone"}')
        return properties

    def _tracking_id(self) -> str:
        """Of the group's event tracker; one is created where there is none."""
        if self.deployment.tracking_id is None:
            params = {"name": "console", "datasetGroupArn": self.deployment.group_arn}
            self._call("CreateEventTracker", params, ELSEWHERE)
        found = self.deployment.tracking_id
        if found is None:
            raise WrongField(ELSEWHERE, "The event tracker is being created; send it again in a moment.")
        return found

    def listed(self, user: str) -> tuple[Place, ...]:
        """The answer to a request with the values of the form, beside the list before."""
        operation = self.deployment.operation
        arn = "recommenderArn" if self.deployment.is_recommender else "campaignArn"
        params: dict[str, Any] = {arn: self.deployment.arn}
        params |= {"userId": user} if user else {}
        if operation == "GetPersonalizedRanking":
            params["inputList"] = self.form.lines("items")
            members = "personalizedRanking"
        else:
            params["numResults"] = self.form.number("count", DEFAULT_RESULTS)
            members = "actionList" if self.deployment.lists_actions else "itemList"
        if operation == "GetRecommendations":
            params |= {"itemId": self.form["item"]} if self.form["item"] else {}
            params |= self._promotions()
        params |= self._filter("filter", "filter_values")
        answer = self._call(operation, params, ELSEWHERE)
        return self._places(answer.get(members, ()))

    def _filter(self, name: str, values: str) -> dict[str, Any]:
        """Members of a request or promotion."""
        arn = self._written_filter(f"{name}_expression") or self.form[name]
        record = self.emulator.state.store.get(Filter, arn) if arn else None
        if arn and record is None:
            raise WrongField(name, "there is no such filter; it may have been deleted")
        if record is None:
            return {}
        given = self._values(values)
        missing = [each for each in parameters_of(record) if each not in given]
        if missing:
            raise WrongField(values, f"the filter needs a value for ${missing[0]}: {missing[0]}=value")
        return {"filterArn": arn, **({"filterValues": given} if given else {})}

    def _written_filter(self, name: str) -> str:
        """The ARN of a filter with the expression of a field, created if there is none; empty without an expression."""
        expression = self.form[name]
        if not expression:
            return ""
        found = self._filter_with(expression)
        if found is None:
            params = {"datasetGroupArn": self.deployment.group_arn, "filterExpression": expression}
            params["name"] = f"console-{hashlib.sha256(expression.encode()).hexdigest()[:12]}"
            try:
                call_operation(self.emulator, "CreateFilter", params, region=self.region, account=self.account)
            except OperationRefused as error:
                caret = caret_of(expression, error.message)
                raise WrongField(name, f"{error.code}: {error.message}", caret) from None
            found = self._filter_with(expression)
        if found is None or found.status in CREATING:
            raise WrongField(name, "The filter is being created; send it again in a moment.")
        return found.arn

    def _filter_with(self, expression: str) -> Filter | None:
        """The newest of the group."""
        filters = reversed(self.emulator.state.store.all(Filter))
        group = self.deployment.group_arn
        own = (each for each in filters if each.dataset_group_arn == group and each.filter_expression == expression)
        return next(own, None)

    def _values(self, name: str) -> dict[str, str]:
        """Lines `NAME=value, value`; texts get the quotes that the service wants."""
        found = {}
        for line in self.form[name].splitlines():
            key, equals, text = line.partition("=")
            if line.strip() and not equals:
                raise WrongField(name, f"write NAME=value, one a line, not {line.strip()!r}")
            if line.strip():
                found[key.strip().removeprefix("$")] = ",".join(_quoted(each.strip()) for each in text.split(","))
        return found

    def _promotions(self) -> dict[str, Any]:
        if not self.form["promotion"] and not self.form["promotion_expression"]:
            return {}
        percent = self.form.number("promotion_percent", 20)
        promotion = {"name": "console", "percentPromotedItems": percent}
        return {"promotions": [promotion | self._filter("promotion", "promotion_values")]}

    def _places(self, listed: Any) -> tuple[Place, ...]:
        before = {item: number for number, item in enumerate(self._before())}
        found = []
        for number, member in enumerate(listed):
            item = str(member.get("itemId") or member.get("actionId"))
            moved = before[item] - number if item in before else None
            is_new = bool(before) and item not in before
            named, score = self.deployment.named(item), member.get("score")
            found.append(Place(number + 1, named, score, "promotionName" in member, moved, is_new))
        return tuple(found)

    def _before(self) -> list[str]:
        """The list that was shown before, from a hidden field."""
        try:
            found = json.loads(self.form["before"] or "[]")
        except (ValueError, RecursionError):
            return []
        return [str(each) for each in found] if isinstance(found, list) else []

    def _call(self, operation: str, params: Mapping[str, Any], default: str) -> dict[str, Any]:
        """Raises WrongField, at the field that the message is about."""
        try:
            return call_operation(self.emulator, operation, params, region=self.region, account=self.account)
        except OperationRefused as error:
            raise WrongField(self._field_of(error.message, default), f"{error.code}: {error.message}") from None

    def _field_of(self, message: str, default: str) -> str:
        for pattern, name in FIELD_OF_MESSAGE:
            if re.search(pattern, message):
                return name
        if re.search(r"[Ff]ilter|\$|[Pp]arameter", message):
            has_filter = self.form["filter"] or self.form["filter_expression"]
            promotes = not has_filter and (self.form["promotion"] or self.form["promotion_expression"])
            return "promotion_values" if promotes else "filter_values"
        return default


def _quoted(text: str) -> str:
    is_ready = text.startswith('"') or _NUMBER.fullmatch(text)
    return text if is_ready else json.dumps(text, ensure_ascii=False)
