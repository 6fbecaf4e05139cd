"""Bytes that the clients and the application agree on without sending them."""

SIZES = (0, 1, 100, 4_000, 16_000, 70_000, 300_000, 1_500_000)
PATTERN = bytes(index * 31 % 251 for index in range(251 * 64))


def content(size, offset=0):
    """`size` bytes that differ for each offset up to 251."""
    offset %= 251
    repeated = PATTERN * ((offset + size) // len(PATTERN) + 1)
    return repeated[offset : offset + size]
