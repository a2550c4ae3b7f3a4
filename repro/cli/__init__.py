"""One module per command group: declarations that parse, call one action and hand its result to the report."""
