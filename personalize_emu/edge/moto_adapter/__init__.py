"""The only package that imports moto, including private interfaces of its server and stores.

    our own calls      clients: a client with its own stubber ─▶ moto's stores, no HTTP
    one port           embedded: embedded_application() ─▶ moto's server applications
    in-process mock    mocking: mocked_personalize(endpoint) registers `endpoint` in moto for the hosts of Personalize

    accounts           owners of access keys and their policies
    keys               KMS keys of dataset groups
    sessions           trust policies of roles, policies of sessions, session tokens
    managed_policies   AWS managed policies, parsed on demand
    resetting          atomic resets of all stores
    keeping            buckets, objects, identities and keys in the data directory
    adaptation         what is changed in moto, once per process
    faults             exceptions of moto as error responses of the service
    bucket_policies    validation and evaluation of bucket policies
    services           services that show or change resources of Personalize: stacks, quotas, audit events, tags
    deliveries         HTTP requests of embedded services to addresses given by clients

Tested with moto 5.2.4 (`make test-oldest`) and 5.2.5.
"""

from personalize_emu.edge.moto_adapter.accounts import account_at_once, account_of, caller_of
from personalize_emu.edge.moto_adapter.clients import EmbeddedClients, MockEnded, new_client
from personalize_emu.edge.moto_adapter.embedded import embedded_application
from personalize_emu.edge.moto_adapter.keeping.service_keeper import (
    forget_services,
    keep_services,
    restore_keys,
    write_keys,
    write_services,
)
from personalize_emu.edge.moto_adapter.keys import EmbeddedKeys
from personalize_emu.edge.moto_adapter.mocking import (
    InterceptedRequest,
    MockEndpoint,
    connection_closed,
    mocked_personalize,
)
from personalize_emu.edge.moto_adapter.resetting import reset_services
from personalize_emu.edge.moto_adapter.sessions import access_enforced_in_mocks

__all__ = [
    "EmbeddedClients",
    "EmbeddedKeys",
    "InterceptedRequest",
    "MockEnded",
    "MockEndpoint",
    "access_enforced_in_mocks",
    "account_at_once",
    "account_of",
    "caller_of",
    "connection_closed",
    "embedded_application",
    "forget_services",
    "keep_services",
    "mocked_personalize",
    "new_client",
    "reset_services",
    "restore_keys",
    "write_keys",
    "write_services",
]
