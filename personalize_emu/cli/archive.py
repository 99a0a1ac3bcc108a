"""`personalize-emu export` and `import`: one file of a data directory."""

from __future__ import annotations

import argparse
from pathlib import Path

from personalize_emu.cli.options import DONE, CommandFailed, Commands, add_settings, settings_of


def add_export(commands: Commands) -> None:
    parser = commands.add_parser(
        "export", help="write a data directory to one file, also while a server uses the directory"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    add_settings(parser, ("data_dir",))
    parser.set_defaults(run=_export)


def add_import(commands: Commands) -> None:
    parser = commands.add_parser("import", help="fill an empty data directory from a file that `export` wrote")
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to read")
    add_settings(parser, ("data_dir",))
    parser.set_defaults(run=_import)


def _data_directory(chosen: argparse.Namespace) -> Path:
    settings = settings_of(chosen, "data_dir")
    if not settings.data_dir:
        raise CommandFailed("say which data directory is meant: --data-dir DIR")
    return Path(settings.data_dir)


def _export(chosen: argparse.Namespace) -> int:
    from personalize_emu.durability.archive import export_directory
    from personalize_emu.durability.directory import UnusableDirectory

    directory = _data_directory(chosen)
    try:
        size = export_directory(directory, chosen.file)
    except (UnusableDirectory, OSError) as error:
        raise CommandFailed(str(error)) from error
    print(f"{chosen.file} has the state of {directory}: {size} bytes")
    return DONE


def _import(chosen: argparse.Namespace) -> int:
    from personalize_emu.durability.archive import NotAnArchive, import_archive
    from personalize_emu.durability.directory import UnusableDirectory

    directory = _data_directory(chosen)
    try:
        import_archive(chosen.file, directory)
    except (UnusableDirectory, NotAnArchive, OSError) as error:
        raise CommandFailed(str(error)) from error
    print(f"{directory} has the state of {chosen.file}")
    return DONE
