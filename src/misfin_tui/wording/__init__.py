"""What questions, lists and messages say, whatever shows it: the screens, or plain lines."""
