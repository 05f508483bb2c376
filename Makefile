# A thin cover for those who type `make`; the work is done by ./dev.
.PHONY: up test check bench format generate
up test check bench format generate:
	@./dev $@
