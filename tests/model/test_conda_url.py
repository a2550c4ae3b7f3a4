from __future__ import annotations

import pytest

from repro.model.environments.conda_url import (
    channel_url,
    hide_secrets,
    is_plain_url,
    variables_in,
    without_literal_secrets,
    without_secrets,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://ann:pa55@example.org/chan",
        "https://example.org/t/tk-123/chan",
        "https://ann@example.org/t/tk-123/chan?token=x#y",
        "https://ann:p%40ss@example.org/chan",
    ],
)
def test_nothing_secret_is_left_in_a_url(url: str) -> None:
    assert without_secrets(url) == "https://example.org/chan"
    assert not is_plain_url(url)
    assert without_literal_secrets(url) == "https://example.org/chan"


def test_a_variable_may_stand_for_a_secret() -> None:
    url = "https://$USER:${PASS}@example.org/t/$TOKEN/chan"
    assert variables_in(url) == ("USER", "PASS", "TOKEN")
    assert without_literal_secrets(url) == url
    assert without_literal_secrets("https://$USER:pa55@example.org/chan") == "https://example.org/chan"


def test_secrets_in_somebody_elses_message_are_hidden() -> None:
    said = "401 for http://ann:pa55@h/c and (https://h:80/t/tk-1/chan/noarch/repodata.json)"
    assert hide_secrets(said) == "401 for http://h/c and (https://h:80/t/…/chan/noarch/repodata.json)"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("conda-forge", "https://conda.anaconda.org/conda-forge"),
        ("conda-forge/label/dev", "https://conda.anaconda.org/conda-forge/label/dev"),
        ("defaults", "https://conda.anaconda.org/main"),
        ("/srv/channel/", "file:///srv/channel"),
        ("https://example.org/chan/", "https://example.org/chan"),
    ],
)
def test_a_channels_name_is_a_url(name: str, url: str) -> None:
    assert channel_url(name) == url
