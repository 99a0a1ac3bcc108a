"""Values of the service model's shapes, valid ones drawn or fixed, for tests driven by the model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from hypothesis import strategies as st

from personalize_emu.wire.models import SERVICES

ARN = "arn:aws:personalize:eu-west-1:123456789012:solution/films"

FITTING = {
    r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*": ["films", "0", "A-b_9"],
    r"arn:([a-z\d-]+):personalize:.*:.*:.+": [ARN, "arn:aws-cn:personalize:::x"],
    r"(s3|http|https)://.+": ["s3://bucket/key", "https://x"],
    r"arn:aws.*:kms:.*:[0-9]{12}:key/.*": [
        "arn:aws:kms:eu-west-1:123456789012:key/1",
        "arn:aws:kms::123456789012:key/",
    ],
    r"arn:([a-z\d-]+):iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+": ["arn:aws:iam::123456789012:role/path/reader"],
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": ["team", "Größe 1", "a:b=c/d+e-f@g"],
    r"[A-Za-z_][A-Za-z\d_]*": ["ITEM_ID", "_", "a9"],
    r"^[A-Za-z_]+$": ["Interactions", "ITEMS"],
    r"rate\(\d+ days?\)": ["rate(1 day)", "rate(14 days)"],
    r"\p{ASCII}{0,1500}": ["", "AYADe\n\x00~"],
    r"[A-Za-z0-9_]+": ["GENRE", "0"],
    r"[A-Za-z\d_]+": ["DEVICE", "9_"],
    r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": ["news letter", " ! "],
}
"""Pattern of the model -> matching texts."""

UNFITTING = {
    r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*": ["-a", "a b", "a\n", "é"],
    r"arn:([a-z\d-]+):personalize:.*:.*:.+": [
        "films",
        "arn:aws:personalize:::",
        "arn:aws:s3:::b",
        "arn:aws:personalize:::a\r",
    ],
    r"(s3|http|https)://.+": ["bucket", "s3://", "S3://b", " s3://b", "s3://b\u2028"],
    r"arn:aws.*:kms:.*:[0-9]{12}:key/.*": [
        "key",
        "arn:aws:kms::12345678901:key/",
        "arn:aws:kms::١٢٣٤٥٦٧٨٩٠١٢:key/",
    ],
    r"arn:([a-z\d-]+):iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+": ["role", "arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:role/a"],
    r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$": ["a\n", "a;b", "{"],
    r"[A-Za-z_][A-Za-z\d_]*": ["9a", "A B", "A٣", "Ä"],
    r"^[A-Za-z_]+$": ["A1", "A\n", "a b"],
    r"rate\(\d+ days?\)": ["rate(1 hour)", "rate( days)", "xrate(1 day)"],
    r"\p{ASCII}{0,1500}": ["é", "abc\x80"],
    r"[A-Za-z0-9_]+": ["a b", "a-b", "ä"],
    r"[A-Za-z\d_]+": ["a b", "a-b", "a٣"],
    r"^[\x20-\x7E]*[\x21-\x7E]+[\x20-\x7E]*$": [" ", "a\t", "ü", "a\n"],
}
"""Pattern of the model -> texts within every length limit that do not match (P-50)."""


def botocore_operations() -> dict[str, OperationModel]:
    """The operations as botocore reads them, independent of the code under test."""
    models = [ServiceModel(Loader().load_service_model(name, "service-2"), name) for name in SERVICES]
    return {name: model.operation_model(name) for model in models for name in model.operation_names}


def inner_shapes(shape: Shape) -> list[Shape]:
    if isinstance(shape, StructureShape):
        return list(shape.members.values())
    if isinstance(shape, MapShape):
        return [shape.key, shape.value]
    return [shape.member] if isinstance(shape, ListShape) else []


def all_shapes(shape: Shape) -> list[Shape]:
    return [shape, *(deeper for inner in inner_shapes(shape) for deeper in all_shapes(inner))]


def full(shape: Shape) -> Any:
    """One valid value in wire form with every member present."""
    if isinstance(shape, StructureShape):
        return {name: full(member) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [full(shape.member)] * max(1, shape.metadata.get("min", 0))
    if isinstance(shape, MapShape):
        return {full(shape.key): full(shape.value)}
    if shape.type_name == "string":
        return _fixed_text(shape)
    if shape.type_name in ("float", "double"):
        return float(shape.metadata.get("min", 1))
    return {"boolean": True, "timestamp": 1_700_000_000.5}.get(shape.type_name, shape.metadata.get("min", 1))


def drawn(shape: Shape) -> st.SearchStrategy[Any]:
    """Random valid values, with optional members absent at times; timestamps are aware datetimes with milliseconds."""
    if isinstance(shape, StructureShape):
        members = {name: drawn(member) for name, member in shape.members.items()}
        needed = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(needed, optional=members)
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10**9)
    if isinstance(shape, ListShape):
        return st.lists(drawn(shape.member), min_size=least, max_size=min(most, least + 2))
    if isinstance(shape, MapShape):
        return st.dictionaries(drawn(shape.key), drawn(shape.value), min_size=least, max_size=min(most, least + 2))
    if shape.type_name == "string":
        return _drawn_text(shape)
    return _drawn_scalar(shape)


def _fixed_text(shape: Shape) -> str:
    facts = shape.metadata
    if "enum" in facts:
        return str(facts["enum"][0])
    return FITTING[facts["pattern"]][0] if "pattern" in facts else "a" * max(1, facts.get("min", 1))


def _drawn_text(shape: Shape) -> st.SearchStrategy[str]:
    facts = shape.metadata
    if "enum" in facts:
        return st.sampled_from(facts["enum"])
    if "pattern" in facts:
        return st.sampled_from([text for text in FITTING[facts["pattern"]] if len(text) >= facts.get("min", 0)])
    least = facts.get("min", 0)
    return st.text(st.characters(codec="utf-8"), min_size=least, max_size=min(facts.get("max", 20), least + 12))


def _drawn_scalar(shape: Shape) -> st.SearchStrategy[Any]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name == "timestamp":
        seconds = st.integers(min_value=0, max_value=4_000_000_000_000)
        return seconds.map(lambda milliseconds: datetime.fromtimestamp(milliseconds / 1000, UTC))
    if shape.type_name in ("float", "double"):
        bound = 1e30
        return st.floats(-bound if least is None else least, bound if most is None else most)
    return st.integers(-(2**31) if least is None else least, 2**31 - 1 if most is None else most)
