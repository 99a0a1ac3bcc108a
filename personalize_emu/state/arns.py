"""Amazon Resource Names: making and reading them (R-GEN-1, R-GEN-2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Arn:
    """`arn:<partition>:<service>:<region>:<account>:<type>/<name>`; recipes have empty region and account."""

    partition: str
    service: str
    region: str
    account: str
    resource_type: str
    resource_name: str


def make_arn(region: str, account: str, resource_type: str, resource_name: str) -> str:
    return f"arn:{partition_of(region)}:personalize:{region}:{account}:{resource_type}/{resource_name}"


def partition_of(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws"


def parse_arn(text: str) -> Arn | None:
    """The parts of `text`, or None when it has not the form of an ARN."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    resource_type, _, resource_name = parts[5].partition("/")
    return Arn(parts[1], parts[2], parts[3], parts[4], resource_type, resource_name)
