"""`personalize-emu export` and `import`: one file of a data directory, or of a running server."""

from __future__ import annotations

import argparse
from pathlib import Path

from personalize_emu.cli.options import (
    DONE,
    CommandFailed,
    Commands,
    add_endpoint,
    add_settings,
    endpoint_of,
    failures_of,
    settings_of,
)
from personalize_emu.edge.endpoints import export_server

EXAMPLES = """\
examples:
  personalize-emu export trained.tar.gz      of the server on this machine, with or without a data directory
  personalize-emu export trained.tar.gz --data-dir DIR
                                             of a directory, also while a server uses it
"""


def add_export(commands: Commands) -> None:
    parser = commands.add_parser(
        "export",
        help="write the state of a running server, or a data directory, to one file",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    add_settings(parser, ("data_dir",))
    add_endpoint(parser)
    parser.set_defaults(run=_export)


def add_import(commands: Commands) -> None:
    parser = commands.add_parser("import", help="fill an empty data directory from a file that `export` wrote")
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to read")
    add_settings(parser, ("data_dir",))
    parser.add_argument("--endpoint", metavar="URL", help="refused: a running server keeps its state")
    parser.set_defaults(run=_import)


def _export(chosen: argparse.Namespace) -> int:
    names_server = any(value is not None for value in (chosen.endpoint, chosen.host, chosen.port))
    if chosen.data_dir is not None and names_server:
        raise ValueError("name a data directory or a server, not both")
    directory = None if names_server else settings_of(chosen, "data_dir").data_dir
    return _export_directory(Path(directory), chosen.file) if directory else _export_server(chosen)


def _export_server(chosen: argparse.Namespace) -> int:
    endpoint = endpoint_of(chosen)
    _require_folder(chosen.file)
    with failures_of(endpoint):
        size = export_server(endpoint, chosen.file)
    print(f"{chosen.file} has the state of {endpoint}: {size} bytes")
    return DONE


def _require_folder(file: Path) -> None:
    """So that a file that cannot be written is not taken for a server that cannot be reached."""
    if not file.parent.is_dir():
        raise CommandFailed(f"there is no folder {file.parent}")


def _export_directory(directory: Path, file: Path) -> int:
    from personalize_emu.durability.archive import export_directory
    from personalize_emu.durability.directory import UnusableDirectory

    try:
        size = export_directory(directory, file)
    except (UnusableDirectory, OSError) as error:
        raise CommandFailed(str(error)) from error
    print(f"{file} has the state of {directory}: {size} bytes")
    return DONE


def _import(chosen: argparse.Namespace) -> int:
    from personalize_emu.durability.archive import NotAnArchive, import_archive
    from personalize_emu.durability.directory import UnusableDirectory

    if chosen.endpoint is not None:
        raise CommandFailed(
            "a running server cannot be filled from a file. Import it into an empty directory, and start a server with "
            f"it: personalize-emu import {chosen.file} --data-dir DIR && personalize-emu serve --data-dir DIR"
        )
    directory = settings_of(chosen, "data_dir").data_dir
    if not directory:
        raise CommandFailed("say which data directory is meant: --data-dir DIR")
    try:
        import_archive(chosen.file, Path(directory))
    except (UnusableDirectory, NotAnArchive, OSError) as error:
        raise CommandFailed(str(error)) from error
    print(f"{directory} has the state of {chosen.file}")
    return DONE
