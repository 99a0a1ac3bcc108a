"""Permissions boundaries of users in the embedded IAM, which moto has for roles only."""

from __future__ import annotations

import json
from typing import Any

from tests.clients import client

LIMITS = "arn:aws:iam::aws:policy/ReadOnlyAccess"
SHOWN = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": LIMITS}


def boundary(name: str) -> Any:
    return client("iam").get_user(UserName=name)["User"].get("PermissionsBoundary")


def test_a_user_of_a_stack_has_the_boundary_of_the_template(cloudformation: Any) -> None:
    properties = {"UserName": "ann", "PermissionsBoundary": LIMITS}
    users = {
        "Ann": {"Type": "AWS::IAM::User", "Properties": properties},
        "Bob": {"Type": "AWS::IAM::User", "Properties": {"UserName": "bob"}},
    }
    cloudformation.create_stack(StackName="users", TemplateBody=json.dumps({"Resources": users}))
    assert (boundary("ann"), boundary("bob")) == (SHOWN, None)


def test_a_boundary_is_put_replaced_and_deleted(emulator: object) -> None:
    iam = client("iam")
    iam.create_user(UserName="ann")
    assert boundary("ann") is None
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    for name in ("first", "second"):
        policy = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=policy)
    assert boundary("ann") == {**SHOWN, "PermissionsBoundaryArn": policy}
    iam.update_user(UserName="ann", NewUserName="anna")
    assert boundary("anna") == {**SHOWN, "PermissionsBoundaryArn": policy}
    iam.delete_user_permissions_boundary(UserName="anna")
    assert boundary("anna") is None
