"""A gateway that asks for no key is not reachable from other machines unless somebody says so."""

import pytest

from trimtab.records import UserError
from trimtab.serve import bind, check_exposure


@pytest.mark.parametrize(
    ("host", "has_keys", "insecure", "refused"),
    [
        ("0.0.0.0", False, False, True),
        ("0.0.0.0", True, False, False),
        ("0.0.0.0", False, True, False),
        ("127.0.0.1", False, False, False),
        ("localhost", False, False, False),
    ],
)
def test_only_keys_or_a_word_open_it_to_others(host: str, has_keys: bool, insecure: bool, refused: bool) -> None:
    with bind(host, 0) as listener:
        if refused:
            with pytest.raises(UserError, match=r"trimtab keys create TENANT.*--insecure"):
                check_exposure(listener, has_keys=has_keys, insecure=insecure)
        else:
            check_exposure(listener, has_keys=has_keys, insecure=insecure)
