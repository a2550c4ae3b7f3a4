"""Names by which files with secrets go. Such a file is stored only if somebody names it.

A name is all that is looked at: a secret under an innocent name is not recognised, and what only looks like one is
named in a finding, so that its owner can say `-i`.
"""

from __future__ import annotations

import re
from functools import cache

from repro.model.names import name_to_text
from repro.model.pattern import pattern

# Folders whose files are secrets, or say where to use them.
_FOLDERS = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", "gcloud"})
_FILES = """
    .env .env.* *.env .envrc
    *.pem *.key *.p12 *.pfx *.jks *.keystore *.keytab *.kdbx *.ppk *.gpg *.asc
    id_rsa id_dsa id_ecdsa id_ed25519 *_rsa *_ed25519
    .netrc _netrc .pgpass .my.cnf .htpasswd .git-credentials .pypirc .npmrc .boto .s3cfg
    credentials credentials.* *credentials.json client_secret*.json service[-_]account*.json
    secret secrets secret.* secrets.* *.secret *.secrets *_secret *-secret
    token tokens .token *.token *_token *-token token.json token.txt api[-_]key* apikey*
    password passwords password.* passwords.* kaggle.json
"""
# Called alike, and meant to be read by everybody.
_PUBLIC = "*.pub .env.example .env.sample .env.template .env.dist cacert.pem ca-bundle.* ca-cert*"
_VARIABLE = pattern(
    r"(?:^|_)(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIALS?|APIKEY|(?:API|ACCESS|PRIVATE|SECRET)_KEY)S?(?:_|$)",
    re.IGNORECASE,
)


@cache
def _any_of(names: str) -> re.Pattern[str]:
    import fnmatch

    return re.compile("|".join(map(fnmatch.translate, names.split())))


def variable_looks_secret(name: str) -> bool:
    """Whether a variable is called as those are that hold a secret: `PIP_TOKEN`, `AWS_SECRET_ACCESS_KEY`."""
    return _VARIABLE.search(name) is not None


def looks_secret(path: bytes) -> bool:
    """Whether a path's name, or a folder in it, looks like a secret's."""
    *folders, name = name_to_text(path).lower().split("/")
    if _any_of(_PUBLIC).match(name):
        return False
    return not _FOLDERS.isdisjoint(folders) or _any_of(_FILES).match(name) is not None
