"""The arguments of the commands for S/MIME certificates, below ``misfin-tui account``."""

from __future__ import annotations

from misfin_tui.cli.pending import Add


def certificate_actions(action: Add) -> None:
    """Add them to the others of ``account``."""
    take = action("import-certificate", "certificates:import_file", "keep an S/MIME certificate (PKCS#12)")
    take.add_argument("file", metavar="FILE", help="a .p12 or .pfx file with certificate and key")
    take.add_argument(
        "--password-file",
        metavar="FILE",
        help="file whose first line is its password; - for standard input",
    )
    action("certificates", "certificates:list_all", "list your S/MIME certificates")
    forget = action("forget-certificate", "certificates:forget", "delete an S/MIME certificate and its key")
    forget.add_argument("fingerprint", metavar="FP", help="its SHA-256 fingerprint, or the beginning of it")
    forget.add_argument("--yes", action="store_true", help="do not ask")
