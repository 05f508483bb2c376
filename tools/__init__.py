"""What the project is built, checked and described with."""
