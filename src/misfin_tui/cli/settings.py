"""``misfin-tui config``: where the settings are, what they are, and a commented file to start from."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, fields

from misfin.errors import InputError
from misfin.files import private_folder
from misfin_tui import config
from misfin_tui.cli import Exit, complain
from misfin_tui.cli.output import emit, profile_of
from misfin_tui.config.writing import set_values, simple, template, toml_value, write_setting


def path(args: Namespace) -> int:
    """Print the path of the settings file, whether or not it exists."""
    where = profile_of(args, new=True).config
    emit(args, {"path": str(where), "exists": where.exists()}, str(where))
    return Exit.DONE


def show(args: Namespace) -> int:
    """Print every setting in use, defaults included."""
    settings = config.load(profile_of(args, new=True).config)
    for section, cls in config.SECTIONS.items():
        values = getattr(settings, section)
        for item in fields(cls):
            value = getattr(values, item.name)
            _line(args, section, item.name, value)
    for section in config.FREE_SECTIONS:
        for key, value in getattr(settings, section).items():
            if section == "hosts":
                for name, inner in asdict(value).items():
                    _line(args, f'{section}."{key}"', name, inner)
            elif section == "accounts":
                for name, inner in set_values(value).items():
                    _line(args, f"{section}.{key}", name, inner)
            else:
                _line(args, section, key, value)
    return Exit.DONE


def init(args: Namespace) -> int:
    """Write the commented settings file; never overwrite an existing one."""
    from misfin.files import create_private

    where = profile_of(args, new=True).config
    private_folder(where.parent)
    try:
        create_private(where, template().encode())
    except FileExistsError:
        complain(f"{where} already exists.", "Edit it, or move it away first.")
        return Exit.USAGE
    emit(args, {"path": str(where)}, f"Wrote {where}")
    return Exit.DONE


def set_value(args: Namespace) -> int:
    """Change one setting in the file, which keeps its comments; ``--default`` removes it there."""
    from misfin_tui.wording.settings import complaint, parsed, question_of, settings_of

    where = profile_of(args, new=True).config
    current = config.load(where)
    setting = next((each for each in settings_of(current) if each.name == args.name), None)
    if setting is None:
        raise InputError(f"There is no setting {args.name}.", remedy="`misfin-tui config show` lists them.")
    if (args.value is None) is not args.default:
        raise InputError("Give either a value or --default.")
    value = setting.default
    if args.value is not None:
        if wrong := complaint(setting, args.value, current.keys):
            raise InputError(wrong, remedy=" ".join(question_of(setting).split()))
        value = parsed(setting, args.value)
    private_folder(where.parent)
    changed = None if value == setting.default else value
    write_setting(where, setting.section, setting.key, changed, name=setting.host)
    record = {"section": setting.section, "key": setting.key, "value": simple(value)}
    emit(args, record, f"{setting.name} = {toml_value(value)}")
    return Exit.DONE


def _line(args: Namespace, section: str, key: str, value: object) -> None:
    record = {"section": section, "key": key, "value": simple(value)}
    emit(args, record, f"{section}.{key} = {toml_value(value)}")
