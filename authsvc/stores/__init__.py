"""Where authsvc keeps what it knows. Nothing here judges: the stores do what the domain's ports say."""
