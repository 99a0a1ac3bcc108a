"""Training time of each recipe on MovieLens data, and time from an empty account to the first response, over HTTP."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.group_to_answer import GroupToAnswer, avro
from benchmarks.report import show
from personalize_emu.edge.one_port import emulator_with_services
from personalize_emu.edge.testing.live_server import LiveServer
from personalize_emu.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-small"
RECIPES = (
    "aws-user-personalization",
    "aws-user-personalization-v2",
    "aws-personalized-ranking",
    "aws-personalized-ranking-v2",
    "aws-sims",
    "aws-similar-items",
    "aws-popularity-count",
)
INTERACTIONS = avro(
    "Interactions",
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": "string"},
)
ITEMS = avro(
    "Items",
    {"name": "ITEM_ID", "type": "string"},
    {"name": "GENRE", "type": "string", "categorical": True},
    {"name": "YEAR", "type": ["string", "null"], "categorical": True},
)


def main() -> int:
    if not FOLDER.is_dir():
        print(f"left out: {FOLDER} is missing", file=sys.stderr)
        return 0
    settings = Settings(pace="instant", instant_timeout=900)
    with emulator_with_services(settings) as emulator, LiveServer(emulator) as server:
        path = GroupToAnswer(server.url)
        began, worked = time.perf_counter(), time.process_time()
        group = path.group()
        path.load(group, "Interactions", INTERACTIONS, FOLDER / "interactions.csv")
        path.load(group, "Items", ITEMS, FOLDER / "item-meta.csv")
        campaign = path.deploy("first", path.train(group, RECIPES[0]))
        path.runtime.get_recommendations(campaignArn=campaign, userId="1")
        first_answer = (time.perf_counter() - began, time.process_time() - worked)
        for recipe in RECIPES[1:]:
            path.train(group, recipe)
        resources = {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"}
        tuned = {"performHPO": True, "solutionConfig": {"hpoConfig": {"hpoResourceConfig": resources}}}
        path.train(group, "aws-sims", "aws-sims-tuned-by-40-jobs", **tuned)
    steps = {**path.watch.seconds, "from an empty account to the first answer": first_answer}
    rows = [[step, f"{wall:.2f}", f"{processor:.2f}"] for step, (wall, processor) in steps.items()]
    title = "Import and training, 158,371 interactions, 9,742 items"
    show(title, ["step", "seconds", "processor seconds"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
