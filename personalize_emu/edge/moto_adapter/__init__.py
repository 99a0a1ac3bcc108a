"""The only package that knows moto: its server application, its stores, and the private seams we hang on.

    our own calls      clients: a client with a stubber of its own ─▶ moto's stores, no HTTP
    one port           embedded: embedded_application() ─▶ moto's server applications
    in-process mock    mocking: answering(door) puts `door` where moto looks up who answers the hosts of Personalize

    accounts           who owns an access key, and what the policies of the owner say
    resetting          forgetting everything in one step
    faults             what moto raises, as errors of the service that was asked
    bucket_policies    which policies buckets take, and what they allow
    deliveries         what may be posted to addresses that requests name

Tested with moto 5.1.0 and 5.2.5.
"""

from personalize_emu.edge.moto_adapter.accounts import account_of, caller_of, load_managed_policies
from personalize_emu.edge.moto_adapter.clients import EmbeddedClients, ServicesGone
from personalize_emu.edge.moto_adapter.embedded import embedded_application
from personalize_emu.edge.moto_adapter.faults import UnservedRequest
from personalize_emu.edge.moto_adapter.mocking import InterceptedRequest, MockEndpoint, mocked_personalize
from personalize_emu.edge.moto_adapter.resetting import reset_services

__all__ = [
    "EmbeddedClients",
    "InterceptedRequest",
    "MockEndpoint",
    "ServicesGone",
    "UnservedRequest",
    "account_of",
    "caller_of",
    "embedded_application",
    "load_managed_policies",
    "mocked_personalize",
    "reset_services",
]
