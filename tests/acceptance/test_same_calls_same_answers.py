"""Equal calls get equal responses, regardless of other calls in between (RT-35)."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from personalize_emu.edge.testing.server_process import ServerProcess
from personalize_emu.service.catalog.recipe_catalog import all_recipes
from tests.acceptance.every_recipe import Script, answers_of_every_recipe


def nothing(script: Script) -> None:
    """No calls in between."""


def polling(script: Script) -> None:
    """Calls that read state, as a monitor or another program would make."""
    personalize = script.clients["personalize"]
    personalize.list_schemas()
    personalize.list_recipes(maxResults=5)
    for campaign in personalize.list_campaigns()["campaigns"][:1]:
        personalize.describe_campaign(campaignArn=campaign["campaignArn"])


def answers(between: Any) -> dict[str, Any]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PERSONALIZE_"))}
    with ServerProcess("--pace", "fast", "--quotas", "off", "--legacy-recipes", environ=bare) as server:
        return answers_of_every_recipe(Script(server.url, between))


def test_polling_changes_no_answer_of_any_recipe() -> None:
    """Over HTTP with pace fast, in two processes: lists, ids, batch and segment output are identical."""
    with ThreadPoolExecutor(2) as pool:
        quiet, polled = pool.map(answers, (nothing, polling))
    assert quiet.keys() == polled.keys()
    for name, found in quiet.items():
        assert json.dumps(found) == json.dumps(polled[name]), name
    asked = quiet.keys() | quiet["batches"].keys()
    assert {facts.name for facts in all_recipes()} <= asked
