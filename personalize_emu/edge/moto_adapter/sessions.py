"""Sessions of the embedded STS: trust policies of roles, policies of sessions, session tokens of users.

moto lets everybody assume every role, forgets the managed policies of a session, and gives everybody who asks for a
session token the same example key, which belongs to nobody.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from io import BytesIO
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.core.exceptions import AccessDeniedError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.iam.models import AccessKey, iam_backends
from moto.iam.responses import IamResponse
from moto.sts.models import AssumedRole, STSBackend, sts_backends
from moto.sts.responses import TokenResponse
from moto.sts.utils import random_session_token

from personalize_emu.edge.auth.caller_policies import denial_reason, refusal_reason
from personalize_emu.edge.auth.condition_keys import principal_facts, tag_facts
from personalize_emu.edge.auth.query_access import ANYBODY, ServiceAccess
from personalize_emu.edge.http.error_responses import FORM, refusal
from personalize_emu.edge.moto_adapter.accounts import POLICY_ARNS, SESSION_TAGS, TOKENS, caller_of, principal_tags
from personalize_emu.service.access.policies import (
    CannotEvaluate,
    MalformedPolicy,
    PolicyRequest,
    allows,
    statements_of,
)
from personalize_emu.state.identifiers import account_in
from personalize_emu.wire.sigv4 import SignedRequest, credential_scope

ASSUME = "sts:AssumeRole"
FEDERATED = {
    "assume_role_with_web_identity": "sts:AssumeRoleWithWebIdentity",
    "assume_role_with_saml": "sts:AssumeRoleWithSAML",
}
"""moto's name of an operation -> the action."""
TRUST_FAMILIES = ("sts:externalid", "sts:rolesessionname", "sts:sourceidentity", "aws:principaltag/", "aws:userid")
"""Condition keys that are complete for requests for sessions."""
LONGEST_DURATION = 12 * 3600
"""Seconds; the default of GetSessionToken."""
FORBIDDEN = 403
TEMPORARY_PREFIX = "ASIA"
FORGOTTEN_AFTER = timedelta(hours=1)
"""For so long a session that has ended is refused as an expired one; then its key is unknown."""


@dataclass(frozen=True)
class SessionToken:
    """A temporary key of a user, from GetSessionToken or GetFederationToken.

    owner: access key id of the user's key; empty for the account itself. arn: of the session. policy: JSON text that
    limits it, None for none. expiration: in UTC, without a time zone, as moto's.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: Any
    owner: str
    arn: str
    policy: str | None


class _Thread(threading.local):
    """access: for the request that this thread processes; that of the mocks if the thread processes none."""

    policy_arns: tuple[str, ...] = ()
    session_tags: Mapping[str, str] = MappingProxyType({})
    access: ServiceAccess | None = None
    is_own_call = False


_thread = _Thread()
_mocks: list[ServiceAccess] = []
"""One entry for each mock of this process that checks requests."""


@contextmanager
def access_enforced(access: ServiceAccess | None) -> Iterator[None]:
    """Check requests that this thread processes inside the block. None: they are the emulator's own, which are not."""
    before = _thread.access, _thread.is_own_call
    _thread.access, _thread.is_own_call = access, access is None
    try:
        yield
    finally:
        _thread.access, _thread.is_own_call = before


@contextmanager
def access_enforced_in_mocks(access: ServiceAccess) -> Iterator[None]:
    """Check requests inside the block, in all threads."""
    entries = [] if access is ANYBODY else [access]
    _mocks.extend(entries)
    try:
        yield
    finally:
        for entry in entries:
            _mocks.remove(entry)


def _access() -> ServiceAccess:
    """What is checked of the request of this thread: all that its server or a mock asks for."""
    if _thread.is_own_call:
        return ANYBODY
    held = [*_mocks, *([_thread.access] if _thread.access is not None else [])]
    checks = [each.refusal_of for each in held if each.refusal_of is not None]
    return ServiceAccess(checks[-1] if checks else None, any(each.checks_trust for each in held))


@cache
def keep_sessions() -> None:
    """Make moto's STS issue real session tokens and keep the policies of sessions. Applied once per process."""
    responses, store, session = TokenResponse, STSBackend, AssumedRole
    for service, checked in (("iam", IamResponse), ("sts", TokenResponse)):
        _replace(checked, "_dispatch", _for_known_keys(service, checked._dispatch))
        _replace(checked, "get_access_key", _signing_key(checked.get_access_key))
    _replace(responses, "assume_role", _assume_role(responses.assume_role, _require_trust))
    for name, action in FEDERATED.items():
        _replace(responses, name, _assume_role(getattr(responses, name), _require_federated_trust(action)))
    _replace(responses, "get_session_token", _get_session_token)
    _replace(responses, "get_federation_token", _get_federation_token(responses.get_federation_token))
    _replace(store, "get_caller_identity", _caller_identity(store.get_caller_identity))
    _replace(session, "__init__", _with_policy_arns(session.__init__))


def _replace(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _for_known_keys(service: str, original: Any) -> Any:
    """moto's answer, or the refusal of a request that no known key has signed."""

    def dispatch(response: Any, request: Any, full_url: Any = None, headers: Any = None) -> Any:
        refusal_of = _access().refusal_of
        if refusal_of is None:
            return original(response, request, full_url, headers)
        # Read before moto, which consumes the body of a form.
        signed = _signed(request)
        response.setup_class(request, full_url, headers)
        refused = refusal_of(signed, service, response._get_action())
        if refused is not None:
            # The query protocol answers in XML, whatever the client asks for.
            sent = {"content-type": FORM}
            answer = refusal(service, sent, status=FORBIDDEN, code=refused.code, message=refused.message)
            return answer.status, dict(answer.headers), answer.body
        return response.call_action()

    return dispatch


def _signing_key(original: Any) -> Any:
    """The key whose signature is verified; moto takes the last word of the header like one, and none of a query."""

    def get_access_key(response: Any) -> Any:
        given = response.headers.get("authorization")
        headers = {} if given is None else {"authorization": given}
        scope = credential_scope(headers, urlsplit(response.uri).query)
        return original(response) if scope is None else scope.access_key

    return get_access_key


def _signed(request: Any) -> SignedRequest:
    """What a client has signed of a request in the form of moto's server, or of botocore (older versions of moto)."""
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    url = urlsplit(request.url)
    headers.setdefault("host", url.netloc)
    environ = getattr(request, "environ", None)
    if environ is None:
        body = request.body or b""
        text = body.encode() if isinstance(body, str) else body
        return SignedRequest(request.method, unquote(url.path) or "/", url.query, headers, text)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return SignedRequest(request.method, request.path, request.query_string.decode("latin-1"), headers, body)


def _with_policy_arns(original: Any) -> Any:
    def initialise(session: Any, *args: Any, **named: Any) -> None:
        original(session, *args, **named)
        setattr(session, POLICY_ARNS, _thread.policy_arns)
        setattr(session, SESSION_TAGS, dict(_thread.session_tags))

    return initialise


def _assume_role(original: Any, require: Callable[[Any], None]) -> Any:
    """require: raises AccessDenied unless the trust policy of the role allows the request."""

    def assume_role(response: Any) -> Any:
        if _access().checks_trust:
            require(response)
        drop_expired()
        _thread.policy_arns = _policy_arns(response)
        _thread.session_tags = principal_tags(_tags(response))
        try:
            return original(response)
        finally:
            _thread.policy_arns, _thread.session_tags = (), {}

    return assume_role


def _tags(response: Any) -> list[Any]:
    return response._get_param("Tags") or []


def _policy_arns(response: Any) -> tuple[str, ...]:
    given = response._get_param("PolicyArns") or []
    return tuple(entry.get("arn") or entry.get("Arn") for entry in given)


def _require_trust(response: Any) -> None:
    """Raises AccessDenied unless role and caller may come together (`_may_assume`)."""
    role_arn, caller = response._get_param("RoleArn") or "", caller_of(response.get_access_key())
    arn = caller.arn if caller is not None else f"arn:aws:iam::{response.current_account}:root"
    policies = caller.policies() if caller is not None and caller.policies is not None else None
    facts = {**principal_facts(arn), **(policies.facts if policies else {})}
    context = {**facts, **_facts_of_session(response)}

    def trusts(names: set[str], trust: Any) -> bool:
        principals = frozenset(("AWS", name) for name in names)
        return allows([trust], PolicyRequest(ASSUME, role_arn, principals, context, TRUST_FAMILIES))

    def may_assume(trust: Any) -> bool:
        """A role may trust the caller, or its account, which leaves the decision to the caller's policies.

        Across accounts, and where there is a Deny, those policies count in any case.
        """
        account = account_in(arn)
        names = {arn, facts["aws:principalarn"]}
        is_named = trusts(names, trust)
        if not is_named and not trusts({*names, account, f"arn:aws:iam::{account}:root"}, trust):
            return False
        if policies is None:
            return True
        request = PolicyRequest(ASSUME, role_arn, context=context, families=TRUST_FAMILIES)
        is_enough = is_named and account == account_in(role_arn)
        return (denial_reason if is_enough else refusal_reason)(policies, request) is None

    _require(may_assume, arn, ASSUME, role_arn)


def _require_federated_trust(action: str) -> Callable[[Any], None]:
    """For callers who come with a token or an assertion of somebody else, whose signature is not verified."""

    def require(response: Any) -> None:
        role_arn = response._get_param("RoleArn") or ""
        request = PolicyRequest(action, role_arn, context=_facts_of_session(response), families=TRUST_FAMILIES)
        arn = f"arn:aws:iam::{account_in(role_arn)}:federated"
        _require(lambda trust: allows([trust], replace(request, principals=_federated(trust))), arn, action, role_arn)

    return require


def _federated(trust: Any) -> frozenset[tuple[str, str]]:
    """All identity providers that a trust policy names."""
    principals = [statement.get("Principal") for statement in statements_of(trust)]
    named = [each.get("Federated", []) for each in principals if isinstance(each, dict)]
    return frozenset(("Federated", name) for names in named for name in ([names] if isinstance(names, str) else names))


def _require(is_trusted: Callable[[Any], bool], arn: str, action: str, role_arn: str) -> None:
    what, trust = f"{action} on resource: {role_arn}", _trust_policy(role_arn)
    try:
        trusted = trust is not None and is_trusted(trust)
    except (CannotEvaluate, MalformedPolicy) as error:
        raise AccessDeniedError(arn, f"{what}: personalize-emu does not evaluate {error}") from error
    if not trusted:
        raise AccessDeniedError(arn, what)


def _facts_of_session(response: Any) -> dict[str, str | frozenset[str]]:
    """The condition keys of a request for a session."""
    named = {"ExternalId": "sts:externalid", "RoleSessionName": "sts:rolesessionname"}
    named["SourceIdentity"] = "sts:sourceidentity"
    given = {key: response._get_param(member) for member, key in named.items()}
    tags = {tag["Key"]: tag["Value"] for tag in _tags(response)}
    return {
        **{key: str(value) for key, value in given.items() if value is not None},
        **tag_facts("aws:requesttag/", tags.items()),
        **({"aws:tagkeys": frozenset(tags)} if tags else {}),
    }


def _trust_policy(role_arn: str) -> Any:
    """The document, or None if there is no such role, or no document."""
    for role in list(iam_backends[account_in(role_arn) or DEFAULT_ACCOUNT_ID]["aws"].roles.values()):
        if role.arn == role_arn:
            document = role.assume_role_policy_document
            try:
                return json.loads(document) if isinstance(document, str) else document
            except ValueError:
                return None
    return None


def _get_session_token(response: Any) -> ActionResult:
    token = _issued(response, policy=None, arn=None)
    return ActionResult({"Credentials": _credentials(token)})


def _get_federation_token(original: Any) -> Any:
    def get_federation_token(response: Any) -> Any:
        # Checks the request, and names the federated user.
        result = original(response)
        user = result.result["FederatedUser"]
        token = _issued(response, policy=response._get_param("Policy"), arn=user["Arn"])
        return ActionResult({**result.result, "Credentials": _credentials(token)})

    return get_federation_token


def drop_expired() -> None:
    """Forget sessions that ended more than FORGOTTEN_AFTER ago, and their keys. moto keeps all of them for ever."""
    limit = utcnow() - FORGOTTEN_AFTER
    for account, stores in list(sts_backends.items()):
        for partition, store in list(stores.items()):
            tokens = vars(store).get(TOKENS, {})
            over = [key for key, token in list(tokens.items()) if token.expiration <= limit]
            ended = [session for session in list(store.assumed_roles) if session.expiration <= limit]
            for session in ended:
                store.assumed_roles.remove(session)
            for key in over:
                tokens.pop(key, None)
            for key in (*over, *(session.access_key_id for session in ended)):
                iam_backends[account][partition].access_keys.pop(key, None)


def _issued(response: Any, policy: str | None, arn: str | None) -> SessionToken:
    drop_expired()
    duration = response._get_int_param("DurationSeconds", LONGEST_DURATION)
    expiration = response.backend.get_session_token(duration=duration).expiration
    account, owner = response.current_account, response.get_access_key()
    caller = caller_of(owner)
    key_class: Any = AccessKey
    key = key_class(user_name=None, prefix=TEMPORARY_PREFIX, account_id=account)
    token = SessionToken(
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
        session_token=random_session_token(),
        expiration=expiration,
        owner=owner if caller is not None else "",
        arn=arn or (caller.arn if caller is not None else f"arn:aws:iam::{account}:root"),
        policy=policy,
    )
    vars(response.backend).setdefault(TOKENS, {})[token.access_key_id] = token
    iam_backends[account]["aws"].access_keys[token.access_key_id] = key
    return token


def _credentials(token: SessionToken) -> dict[str, Any]:
    return {
        "AccessKeyId": token.access_key_id,
        "SecretAccessKey": token.secret_access_key,
        "SessionToken": token.session_token,
        "Expiration": token.expiration,
    }


def _caller_identity(original: Any) -> Any:
    def get_caller_identity(backend: Any, access_key_id: str, region: str) -> Any:
        token = vars(backend).get(TOKENS, {}).get(access_key_id)
        if token is None:
            return original(backend, access_key_id, region)
        return token.arn.rpartition("/")[2] or backend.account_id, token.arn, backend.account_id

    return get_caller_identity
