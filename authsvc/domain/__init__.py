"""What authsvc decides. Nothing here touches gRPC, Redis, SQL, the environment or a clock."""
