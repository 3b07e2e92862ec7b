"""The program as plain lines of text, for screen readers, braille and slow lines: no screens, no cursor."""
