"""What commands share: the terminal, parameters, interrupts, access to Labelbox."""
