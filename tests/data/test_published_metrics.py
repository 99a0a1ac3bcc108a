"""Sending metric data to CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from personalize_emu.aws_services import AwsServices, MetricsRefused, remote_aws_services

REGION = "eu-west-1"
REFUSAL = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutMetricData")


class CloudWatch:
    """Records the sizes of calls, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self._error = error

    def put_metric_data(self, *, Namespace: str, MetricData: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803
        if self._error is not None:
            raise self._error
        self.calls.append((Namespace, len(MetricData)))


def test_data_are_sent_in_calls_of_a_thousand() -> None:
    """MA-34: maximum number of data of one PutMetricData call."""
    cloudwatch = CloudWatch()
    aws_services = AwsServices(lambda service, region: cloudwatch)
    aws_services.publish(REGION, "Personalize", [{"MetricName": "m", "Value": 1.0}] * 2001)
    aws_services.publish(REGION, "Personalize", [])
    assert cloudwatch.calls == [("Personalize", 1000), ("Personalize", 1000), ("Personalize", 1)]


@pytest.mark.parametrize(
    "error", [REFUSAL, NoCredentialsError(), EndpointConnectionError(endpoint_url="http://x"), TimeoutError()]
)
def test_cloudwatch_errors_raise_metrics_refused(error: Exception) -> None:
    aws_services = AwsServices(lambda service, region: CloudWatch(error))
    with pytest.raises(MetricsRefused):
        aws_services.publish(REGION, "Personalize", [{"MetricName": "m", "Value": 1.0}])


def test_own_address_is_refused_as_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4577")
    with pytest.raises(MetricsRefused):
        remote_aws_services(ourselves=["localhost:4577"]).publish(REGION, "Personalize", [])
