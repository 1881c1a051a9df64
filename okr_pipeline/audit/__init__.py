"""What an auditor asks: where a number comes from, under which configuration, and what changed it since."""
