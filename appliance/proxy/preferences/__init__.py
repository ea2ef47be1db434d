"""What users want done with their calls and messages (SER's user preferences): forwarded, refused, kept."""
