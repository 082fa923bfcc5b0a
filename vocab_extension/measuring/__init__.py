"""What an extension buys and costs: compression with intervals, the sizes compared, a recommendation."""
