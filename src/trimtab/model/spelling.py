"""The bytes behind one token, which may be a part of a character."""

import re
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "▁"


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's letters for bytes (Radford et al. 2019): printable ones stand for themselves, the rest from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(rest)}


_ALPHABET = _byte_alphabet()


def token_bytes(tokenizer: Any, number: int) -> bytes:
    """The UTF-8 bytes that token ``number`` adds to a text; nothing for a number without a token."""
    token = tokenizer.convert_ids_to_tokens(number)
    if token is None:
        return b""
    if number in tokenizer.added_tokens_decoder:
        return str(token).encode()
    if "ByteLevel" in repr(tokenizer.backend_tokenizer.decoder):
        return bytes(_ALPHABET[letter] for letter in token)
    if (byte := _BYTE.fullmatch(token)) is not None:
        return bytes([int(byte.group(1), 16)])
    return str(token).replace(_SPACE, " ").encode()
