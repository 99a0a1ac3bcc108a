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
    """An error response: `code` is the class name, `status` the HTTP status, `message` the text for the client."""

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
    """A value is well formed but not acceptable (E-31)."""


class InvalidNextTokenException(ModelledError):
    """The pagination token is invalid or belongs to another query (P-69)."""

    def __init__(self, message: str = "The token is not valid.") -> None:
        super().__init__(message)


class LimitExceededException(ModelledError):
    """A quota is exceeded (E-35)."""


class ResourceAlreadyExistsException(ModelledError):
    """The name is in use, or a resource that can exist only once exists (E-34)."""


class ResourceInUseException(ModelledError):
    """The state of a resource does not allow the operation now (E-33)."""


class ResourceNotFoundException(ModelledError):
    """A resource of the request does not exist in this account and region (E-32)."""


class TooManyTagKeysException(ModelledError):
    """More than 50 keys in one UntagResource call (R-TAG-4)."""


class TooManyTagsException(ModelledError):
    """More than 50 tags on a resource (R-TAG-3)."""


class ValidationException(CommonError):
    """A value violates a constraint of the service model (P-45)."""


class SerializationException(CommonError):
    """The body is not JSON, or a member has the wrong JSON type (P-59)."""


class UnknownOperationException(CommonError):
    """The target or path names no operation (P-57, P-58)."""


class MissingAuthenticationTokenException(CommonError):
    """The request has no credentials (P-60)."""


class IncompleteSignature(CommonError):
    """The credentials of the request are malformed (P-63)."""


class UnrecognizedClientException(CommonError):
    """The access key is unknown, or the session token does not belong to it (P-61)."""

    def __init__(self, message: str = "The security token included in the request is invalid.") -> None:
        super().__init__(message)


class InvalidSignatureException(CommonError):
    """The signature is wrong (P-61)."""


class ExpiredTokenException(CommonError):
    """The session of the access key has expired (P-61)."""

    def __init__(self, message: str = "The security token included in the request is expired") -> None:
        super().__init__(message)


class RequestExpired(CommonError):
    """The request was signed too long ago, or for a later time (P-22)."""


class AccessDeniedException(CommonError):
    """The caller lacks a permission (P-62)."""


class RequestTimeoutException(CommonError):
    """The request was not received in time."""

    status = 408


class RequestEntityTooLargeException(CommonError):
    """The body is larger than any valid request."""

    status = 413


class ThrottlingException(CommonError):
    """Too many requests (P-63)."""


class NotImplementedException(CommonError):
    """The operation exists in the service model and is not implemented."""

    status = 501


class InternalFailure(CommonError):
    """An internal error of the emulator (P-64)."""

    status = 500
