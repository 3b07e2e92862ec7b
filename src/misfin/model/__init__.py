"""Values of Misfin and nothing else: addresses, gemmail, gemtext, status codes. No I/O, no clock."""
