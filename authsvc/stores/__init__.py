"""Where authsvc keeps what it knows. Nothing here judges: it does what the domain's ports say."""
