"""The CRC-32 of two byte strings joined, from their own: for machines without ISA-L.

The method is zlib's `crc32_combine` (zlib manual): the first checksum is multiplied by x^(8n)
modulo the polynomial of CRC-32, where n is the length of the second byte string.
"""

from __future__ import annotations

POLYNOMIAL = 0xEDB88320
"""Of CRC-32, the lowest bit first (RFC 1952, 8)."""

ONE = 1 << 31


def crc32_combine(first: int, second: int, length: int) -> int:
    """Return the CRC-32 of a byte string followed by another.

    Args:
        first: CRC-32 of the one before.
        second: CRC-32 of the one behind.
        length: bytes of the one behind.
    """
    return _product(_power(8 * length), first) ^ second


def _product(a: int, b: int) -> int:
    """Multiply two polynomials modulo that of CRC-32."""
    result, bit = 0, ONE
    while bit:
        if a & bit:
            result ^= b
        b = b >> 1 ^ (POLYNOMIAL if b & 1 else 0)
        bit >>= 1
    return result


def _power(exponent: int) -> int:
    """Return x to a power, modulo the polynomial."""
    result, square = ONE, ONE >> 1
    while exponent:
        if exponent & 1:
            result = _product(square, result)
        square = _product(square, square)
        exponent >>= 1
    return result
