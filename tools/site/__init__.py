"""What mkdocs needs beside its configuration."""
