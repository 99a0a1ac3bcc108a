"""Every error a client can see, one class per AWS error code.

    AwsError
    ├── ModelledError              declared by the service model (spec 01 P-37, P-38)
    │   ├── InvalidInputException
    │   ├── InvalidNextTokenException
    │   ├── LimitExceededException
    │   ├── ResourceAlreadyExistsException
    │   ├── ResourceInUseException
    │   ├── ResourceNotFoundException
    │   ├── TooManyTagKeysException
    │   └── TooManyTagsException
    └── CommonError                known to every AWS service (spec 01 sections 5 and 6)
        ├── ValidationException
        ├── SerializationException
        ├── UnknownOperationException
        ├── MissingAuthenticationTokenException
        ├── IncompleteSignature
        ├── UnrecognizedClientException
        ├── InvalidSignatureException
        ├── ExpiredTokenException
        ├── RequestExpired
        ├── AccessDeniedException
        ├── RequestTimeoutException
        ├── RequestEntityTooLargeException
        ├── ThrottlingException
        ├── NotImplementedException
        └── InternalFailure

`status` is the HTTP status on the control plane; the wire takes the status of a modelled error from the
service model where the model states one (404 and 409 of the runtime and events services).
"""

from __future__ import annotations


class AwsError(Exception):
    """An error answer: `code` is the class name, `status` the HTTP status, `message` the client's text."""

    status: int = 400

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        return type(self).__name__


class ModelledError(AwsError):
    """An error the service model declares."""


class CommonError(AwsError):
    """An error common to AWS services, absent from the service model."""


class InvalidInputException(ModelledError):
    """A well-formed value that is not acceptable (E-31)."""


class InvalidNextTokenException(ModelledError):
    """A pagination token that is not ours or belongs to another query (P-69)."""

    def __init__(self, message: str = "The token is not valid.") -> None:
        super().__init__(message)


class LimitExceededException(ModelledError):
    """A quota is used up (E-35)."""


class ResourceAlreadyExistsException(ModelledError):
    """The name, or the place of a singleton, is taken (E-34)."""


class ResourceInUseException(ModelledError):
    """The state of a resource forbids the operation now (E-33)."""


class ResourceNotFoundException(ModelledError):
    """An ARN of the request does not exist in this account and region (E-32)."""


class TooManyTagKeysException(ModelledError):
    """More than 50 keys in one UntagResource (R-TAG-4)."""


class TooManyTagsException(ModelledError):
    """More than 50 tags on one resource (R-TAG-3)."""


class ValidationException(CommonError):
    """A value breaks a constraint of the service model (P-45)."""


class SerializationException(CommonError):
    """The body is not JSON, or a member has the wrong JSON type (P-59)."""


class UnknownOperationException(CommonError):
    """No operation of that target or path (P-57, P-58)."""


class MissingAuthenticationTokenException(CommonError):
    """The request carries no credentials (P-60)."""


class IncompleteSignature(CommonError):
    """The request carries credentials of another form (P-63)."""


class UnrecognizedClientException(CommonError):
    """Nobody has the access key, or the session token is not its own (P-61)."""

    def __init__(self, message: str = "The security token included in the request is invalid.") -> None:
        super().__init__(message)


class InvalidSignatureException(CommonError):
    """The signature is not the one that the owner of the access key would have made (P-61)."""


class ExpiredTokenException(CommonError):
    """The session of the access key is over (P-61)."""

    def __init__(self, message: str = "The security token included in the request is expired") -> None:
        super().__init__(message)


class RequestExpired(CommonError):
    """The request was signed too long ago, or for another time (P-22)."""


class AccessDeniedException(CommonError):
    """The caller may not do this (P-62)."""


class RequestTimeoutException(CommonError):
    """The request did not arrive in time."""

    status = 408


class RequestEntityTooLargeException(CommonError):
    """The body is longer than any valid request."""

    status = 413


class ThrottlingException(CommonError):
    """Too many requests (P-63)."""


class NotImplementedException(CommonError):
    """The operation exists in the service model and has no implementation here yet."""

    status = 501


class InternalFailure(CommonError):
    """A fault of the emulator itself (P-64)."""

    status = 500
