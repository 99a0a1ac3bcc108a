"""Checks of roles, bucket policies and key policies, with the option `check_roles` (spec 05 sections 1, 2).

A Create operation calls `require_role` before it reads a bucket and `require_access` for the objects found there; the
job calls `recheck_access` before it reads or writes, since rights can be taken away in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from personalize_emu.aws_services import NoSuchRole, Role, RoleError, StoreError
from personalize_emu.kms_keys import KeyUnavailable
from personalize_emu.service.access.policies import CannotEvaluate, MalformedPolicy, PolicyRequest, allows, denies
from personalize_emu.service.access.s3_inputs import NO_ACCESS, insufficient_privileges, unreadable
from personalize_emu.service.core.context import Context
from personalize_emu.state.identifiers import parse_arn, partition_of
from personalize_emu.state.jobs import JobFailed
from personalize_emu.wire.errors import AccessDeniedException, AwsError, InvalidInputException, NotImplementedException

SERVICE = "personalize.amazonaws.com"
LIST_BUCKET = "s3:ListBucket"
READ = (LIST_BUCKET, "s3:GetObject")
"""Import and data deletion jobs (S-9)."""
WRITE = (LIST_BUCKET, "s3:PutObject")
"""Export jobs."""
READ_AND_WRITE = (LIST_BUCKET, "s3:GetObject", "s3:PutObject")
"""Batch jobs, for input and output alike."""
REPORT = ("s3:PutObject",)
"""Metric attributions."""
PUBLISH = "cloudwatch:PutMetricData"
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:ListGrants")
"""Role and key policy (S-21)."""
CREATE_GRANT = "kms:CreateGrant"
"""Key policy only."""


def require_role(context: Context, role_arn: str) -> None:
    """Refuse a role that cannot be passed or that the service cannot assume.

    Raises:
        AccessDeniedException: it belongs to another account or does not exist (S-5, S-8, E-21).
        InvalidInputException: its trust policy does not allow the service to assume it (S-3), or is malformed.
        NotImplementedException: the result depends on an element of a policy that is not evaluated here.
    """
    if context.settings.check_roles:
        _assumable_role(context, role_arn)


def require_access(
    context: Context, role_arn: str | None, actions: Iterable[str], bucket: str, keys: Iterable[str]
) -> None:
    """Refuse unless role and bucket policy both grant `actions` on the bucket and on all `keys` (S-9, S-10).

    role_arn: None where the service reads as itself, so that the bucket's policy alone decides (S-7).
    keys: of objects, or the path that output will be written below.

    Raises:
        As require_role, and InvalidInputException with the bucket's name (E-6).
    """
    if not context.settings.check_roles:
        return
    role = None if role_arn is None else _assumable_role(context, role_arn)
    keys = tuple(keys)
    try:
        _require_region(context, bucket)
        policy = context.aws_services.bucket_policy(context.region, bucket)
    except StoreError as error:
        raise InvalidInputException(unreadable(error)) from error
    with _policy_errors(f"bucket {bucket} or role {role_arn}" if role_arn else f"bucket {bucket}"):
        granted = all(
            _granted(context, role, policy, action, resource)
            for action in actions
            for resource in _resources(context, action, bucket, keys)
        )
    if not granted:
        raise InvalidInputException(insufficient_privileges(bucket))


def require_key(context: Context, role_arn: str, key_arn: str) -> None:
    """Refuse a key that the service could not use through the role (S-21, S-22).

    Raises:
        As require_role, and InvalidInputException that names the policy and the action it does not allow.
    """
    if not context.settings.check_roles:
        return
    role = _assumable_role(context, role_arn)
    try:
        policy = context.aws_services.key_policy(context.region, key_arn)
    except KeyUnavailable as error:
        raise InvalidInputException(f"Key {key_arn} cannot be used: {error}") from error
    with _policy_errors(f"key {key_arn} or role {role_arn}"):
        for action in (*USE_KEY, CREATE_GRANT):
            as_role = _as_role(context, role, action, key_arn)
            as_service = _as_service(context, action, key_arn)
            granted = {
                f"The policy of key {key_arn}": allows([policy], as_role) and allows([policy], as_service),
                f"Role {role_arn}": action == CREATE_GRANT or allows(role.policies, as_role),
            }
            for owner, grants in granted.items():
                if not grants:
                    raise InvalidInputException(f"{owner} does not allow {action}.")


def recheck_publishing(context: Context, role_arn: str) -> None:
    """Whether a role may send measurements to CloudWatch (MA-7). Raises JobFailed."""
    if not context.settings.check_roles:
        return
    try:
        role = _assumable_role(context, role_arn)
        with _policy_errors(f"role {role_arn}"):
            granted = allows(role.policies, _as_role(context, role, PUBLISH, "*"))
    except AwsError as error:
        raise JobFailed(error.message) from error
    if not granted:
        raise JobFailed(f"Role {role_arn} does not allow {PUBLISH}.")


def recheck_access(
    context: Context,
    role_arn: str | None,
    actions: Iterable[str],
    bucket: str,
    keys: Iterable[str],
    *,
    refusal: str = NO_ACCESS,
) -> None:
    """As require_access, for running jobs. Raises JobFailed with the text of `refusal` (E-7)."""
    try:
        require_access(context, role_arn, actions, bucket, keys)
    except NotImplementedException as error:
        raise JobFailed(error.message) from error
    except AwsError as error:
        raise JobFailed(refusal) from error


def _require_region(context: Context, bucket: str) -> None:
    """S-12, D-44."""
    region = context.aws_services.bucket_region(context.region, bucket)
    if region != context.region:
        raise InvalidInputException(f"Bucket {bucket} is in region {region}, not in {context.region}.")


def _assumable_role(context: Context, role_arn: str) -> Role:
    parsed = parse_arn(role_arn)
    if parsed is None or parsed.account != context.account:
        raise _pass_role_denied(context, role_arn)
    try:
        role = context.aws_services.role(context.region, role_arn)
    except NoSuchRole as error:
        raise _pass_role_denied(context, role_arn) from error
    except RoleError as error:
        raise InvalidInputException(f"Role {role_arn} cannot be checked: {error}") from error
    with _policy_errors(f"role {role_arn}"):
        trusted = allows([role.trust_policy], _as_service(context, "sts:AssumeRole", role_arn))
    if not trusted:
        raise InvalidInputException(f"Role {role_arn} cannot be assumed by {SERVICE}. Please check its trust policy.")
    return role


def _pass_role_denied(context: Context, role_arn: str) -> AccessDeniedException:
    """E-21. Callers are not distinguished: the text names the root of the account."""
    caller = f"arn:{partition_of(context.region)}:iam::{context.account}:root"
    return AccessDeniedException(
        f"User: {caller} is not authorized to perform: iam:PassRole on resource: {role_arn} "
        "because no identity-based policy allows the iam:PassRole action"
    )


def _resources(context: Context, action: str, bucket: str, keys: tuple[str, ...]) -> Iterator[str]:
    """S-10: the bucket for listing, its objects for everything else."""
    arn = f"arn:{partition_of(context.region)}:s3:::{bucket}"
    if action == LIST_BUCKET:
        yield arn
    else:
        yield from (f"{arn}/{key}" for key in keys)


def _granted(context: Context, role: Role | None, bucket_policy: object, action: str, resource: str) -> bool:
    """Whether the role's policies and the bucket's allow an action, and the bucket's denies it to neither."""
    policies = [] if bucket_policy is None else [bucket_policy]
    if not allows(policies, _as_service(context, action, resource)):
        return False
    if role is None:
        return True
    as_role = _as_role(context, role, action, resource)
    return allows(role.policies, as_role) and not denies(policies, as_role)


def service_request(account: str, region: str, action: str, resource: str) -> PolicyRequest:
    """A request by the service on behalf of an account and region (S-26)."""
    source = f"arn:{partition_of(region)}:personalize:{region}:{account}:*"
    context = {
        **_secured(account, region),
        "aws:sourceaccount": account,
        "aws:sourcearn": source,
        "aws:principalisawsservice": "true",
        "aws:principalservicename": SERVICE,
    }
    return PolicyRequest(action, resource, frozenset({("Service", SERVICE)}), context)


def _as_service(context: Context, action: str, resource: str) -> PolicyRequest:
    return service_request(context.account, context.region, action, resource)


def _as_role(context: Context, role: Role, action: str, resource: str) -> PolicyRequest:
    root = f"arn:{partition_of(context.region)}:iam::{context.account}:root"
    names = (role.arn, root, context.account)
    return PolicyRequest(
        action,
        resource,
        frozenset(("AWS", name) for name in names),
        {
            **_secured(context.account, context.region),
            "aws:principalarn": role.arn,
            "aws:principalaccount": context.account,
            "aws:principaltype": "AssumedRole",
            "aws:principalisawsservice": "false",
        },
    )


def _secured(account: str, region: str) -> dict[str, str]:
    """Condition keys of every request by the service, which uses TLS whatever clients of the emulator do (S-24)."""
    return {
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:requestedregion": region,
        "aws:resourceaccount": account,
        "s3:resourceaccount": account,
        "aws:viaawsservice": "false",
    }


@contextmanager
def _policy_errors(subject: str) -> Iterator[None]:
    try:
        yield
    except CannotEvaluate as error:
        raise NotImplementedException(
            f"personalize-emu does not evaluate {error} in the policies of {subject}; "
            "switch check_roles off or write the policy without it."
        ) from error
    except MalformedPolicy as error:
        raise InvalidInputException(f"A policy of {subject} is malformed: {error}.") from error
