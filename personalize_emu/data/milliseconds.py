"""Times that were written in milliseconds. The service reads them as seconds (D-62), and so do we."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.columns import CREATION_TIMESTAMP, TIMESTAMP

_TIMES = (TIMESTAMP, CREATION_TIMESTAMP, "EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP")
_LEAST = 10**11
"""As seconds this is the year 5138, as milliseconds 1973."""


def millisecond_warnings(table: pa.Table) -> list[str]:
    """One text for every column of times with values that can hardly be seconds."""
    found = []
    for name in _TIMES:
        if name in table.column_names:
            column = table.column(name)
            large = column.filter(pc.greater_equal(column, _LEAST))
            if len(large):
                found.append(
                    f"{name}: {len(large)} of {table.num_rows} values look like milliseconds, the first "
                    f"{int(large[0].as_py())}; they are read as seconds, as the service does"
                )
    return found
