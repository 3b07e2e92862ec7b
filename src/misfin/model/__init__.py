"""Misfin's plain values: addresses, gemmail, gemtext, status codes. No I/O, no clock."""
