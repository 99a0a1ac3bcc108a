"""Training time of each recipe on MovieLens data, and time from an empty account to the first response, over HTTP.

Processor seconds are those of the server and of the processes it has started.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.group_to_answer import GroupToAnswer, avro
from benchmarks.processes import bare_environment
from benchmarks.report import show
from personalize_emu.edge.testing.server_process import ServerProcess

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


def worked(process: int) -> tuple[float, float]:
    """Processor seconds of a process itself, and of the processes it has started, ended or not; from /proc."""
    own, ended = _seconds(process)
    children = [int(child) for thread in Path(f"/proc/{process}/task").iterdir() for child in _children(thread)]
    return own, ended + sum(sum(_seconds(child)) for child in children)


def _children(thread: Path) -> list[str]:
    return (thread / "children").read_text().split()


def _seconds(process: int) -> tuple[float, float]:
    """Of the process, and of its children that have ended."""
    ticks = [int(text) for text in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]]
    rate = os.sysconf("SC_CLK_TCK")
    return sum(ticks[:2]) / rate, sum(ticks[2:]) / rate


def main() -> int:
    if not FOLDER.is_dir():
        print(f"left out: {FOLDER} is missing", file=sys.stderr)
        return 0
    options = ("--pace", "instant", "--instant-timeout", "900")
    with ServerProcess(*options, environ=bare_environment()) as server:
        number = server.process.pid
        path = GroupToAnswer(server.url, lambda: sum(worked(number)))
        began, before, alone = time.perf_counter(), sum(worked(number)), worked(number)[0]
        group = path.group()
        path.load(group, "Interactions", INTERACTIONS, FOLDER / "interactions.csv")
        path.load(group, "Items", ITEMS, FOLDER / "item-meta.csv")
        campaign = path.deploy("first", path.train(group, RECIPES[0]))
        path.runtime.get_recommendations(campaignArn=campaign, userId="1")
        first_answer = (time.perf_counter() - began, sum(worked(number)) - before)
        served = worked(number)[0] - alone
        for recipe in RECIPES[1:]:
            path.train(group, recipe)
        resources = {"maxNumberOfTrainingJobs": "40", "maxParallelTrainingJobs": "10"}
        tuned = {"performHPO": True, "solutionConfig": {"hpoConfig": {"hpoResourceConfig": resources}}}
        path.train(group, "aws-sims", "aws-sims-tuned-by-40-jobs", **tuned)
    steps = {**path.watch.seconds, "from an empty account to the first answer": first_answer}
    rows = [[step, f"{wall:.2f}", f"{processor:.2f}"] for step, (wall, processor) in steps.items()]
    title = "Import and training, 158,371 interactions, 9,742 items"
    show(title, ["step", "seconds", "processor seconds"], rows)
    print(f"\nUp to the first answer, {served:.2f} of the processor seconds were the server's own.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
