"""What a host does beyond receiving: mailing lists, automatic answers, blocks (docs/hosting.md)."""
