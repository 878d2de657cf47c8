"""What the machine gives this process: processors, folders that it may write to, and the signals that end it."""
