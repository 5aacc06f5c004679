"""What secrets look like: shapes of vendors' keys and tokens, and names of fields that hold one.

Shapes of vendors come from a detector that others keep (`bc-detect-secrets`), compiled with RE2: its time is linear in
its input, and these expressions run on hostile text. Ours are those that logs of this trade hold and it does not know.
TAKEN and LEFT say of each of its expressions what became of it; a test notices when a new version has others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

import re2
from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

#: Names of fields that hold a secret, in quotation marks, as they stand in JSON, also in JSON within a text.
_NAMED = (
    r"""(?i:\\*"(?:secret_?access_?key|session_?token|(?:x-)?amz-security-token|(?:user|new|old)?[_-]?password|passwd"""
    r"""|passphrase|(?:client|secret)[_-]?(?:secret|string|key)|private[_-]?key|client[_-]?assertion|(?:x-)?api[_-]?key"""
    r"""|(?:access|refresh|id|auth)[_-]?token|(?:proxy-)?authorization|(?:set-)?cookie)\\*")"""
)

_TEXT = r"""\s*:\s*\\*\""""
#: Names of what logs somebody in, what stands between such a name and its value in a text, and a sign of a value.
_LOGIN = r"(?i:passw(?:or)?d|passphrase|client_?secret|api[_-]?key|secret_?key)"
_NEXT = r"""(?:\\*["'])?\s*(?:[:=]|=>|\s--?\s?)\s*(?:\\*["'])?"""
_VALUE = r"""[^\s"'\\,;&{}\[\]()<>]"""
_AWS = r"(?i:secret_?access_?key|session_?token|amz-security-token)" + r"""(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?"""
#: (kind, what every such text contains, expression whose group, else whose whole, is the secret).
_OURS: tuple[tuple[str, str, str], ...] = (
    ("aws-secret", _AWS + "[A-Za-z0-9/+=_%-]", _AWS + r"((?:[A-Za-z0-9/+=_%-]|\\+/){16,})"),
    ("jwt", "eyJ", r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    ("private-key", "PRIVATE KEY|PuTTY-User-Key",
     r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----((?:[A-Za-z0-9+/=\s:,]|-[A-Za-z0-9]|\\+[nrt/])+)"),
    ("private-key", "PRIVATE KEY|PuTTY-User-Key", r"PuTTY-User-Key-File-[23]:((?:[^<-]|-[^<-])+)"),
    ("age-key", "AGE-SECRET", r"(AGE-SECRET-KEY-1[0-9A-Z]{50,})"),
    ("github-token", "gh[posur]_|github_pat_", r"((?:gh[posur]_|github_pat_)[A-Za-z0-9_]{20,})"),
    ("gitlab-token", r"gl[a-z]{2,5}-|GR1348941",
     r"\b((?:gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941)[A-Za-z0-9_.-]{20,})"),
    ("slack-token", "xox", r"(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    ("ai-key", r"\bsk-|\bsess-", r"\b((?:sk|sess)-[A-Za-z0-9_-]{20,})"),
    ("bedrock-key", "ABSK|bedrock-api-key-", r"\b(ABSK[A-Za-z0-9+/=]{40,}|bedrock-api-key-[A-Za-z0-9+/=_-]{20,})"),
    ("google-key", r"AIza|ya29\.|GOCSPX-",
     r"\b(AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_.-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})"),
    ("vault-token", r"hv[bsr]\.", r"\b(hv[bsr]\.[A-Za-z0-9_-]{20,})"),
    ("okta-token", "SSWS ", r"\bSSWS ([A-Za-z0-9_-]{20,})"),
    ("azure-sas", "sig=", r"[?&]sig=([A-Za-z0-9%+/=_-]{16,})"),
    ("azure-key", "(?:Account|SharedAccess)Key=", r"(?:Account|SharedAccess)Key=([A-Za-z0-9+/]{40,}={0,2})"),
    ("azure-secret", "8Q~", r"\b([A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34})"),
    ("databricks-token", "dapi|dose", r"\b((?:dapi|dose)[0-9a-f]{32}(?:-[0-9])?)\b"),
    ("pypi-token", "pypi-A", r"\b(pypi-A[A-Za-z0-9_-]{50,})"),
    ("huggingface-token", "hf_", r"\b(hf_[A-Za-z0-9]{30,})"),
    ("digitalocean-token", "do[opr]_v1_", r"\b(do[opr]_v1_[0-9a-f]{64})"),
    ("shopify-token", "shp[a-z]{2}_", r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})"),
    ("stripe-key", "[rs]k_(?:live|test)_|whsec_", r"\b((?:[rs]k_(?:live|test)|whsec)_[0-9A-Za-z]{16,})"),
    ("telegram-token", ":AA", r"([0-9]{8,10}:AA[0-9A-Za-z_-]{33})"),
    ("bearer", "(?i:bearer )", r"(?i:bearer) ([A-Za-z0-9._~+/=-]{16,})"),
    ("basic", "(?i:basic )", r"(?i:authorization)\W{1,8}(?i:basic) ([A-Za-z0-9+/]{8,}={0,2})"),
    ("url-userinfo", r"""(?:\\*/){2}[^\s/:@"'<>\\]*:[^\s/@"'<>\\]+@""",
     r"""\b[a-zA-Z][a-zA-Z0-9+.-]*:(?:\\*/){2}[^\s/:@"'<>\\]*:([^\s/@"'<>\\]{3,})@"""),
    ("login", _LOGIN + _NEXT + _VALUE, _LOGIN + _NEXT + f"({_VALUE}{{6,}})"),
    # What is masked already is no hint.
    ("field", _NAMED + _TEXT + r"""(?:[^"\\<]|<[^s])""", _NAMED + _TEXT + r"""([^"\\]{6,})"""),
    ("header", "(?i:cookie: )", r"(?i:\b(?:set-)?cookie): ?([^\r\n<]{6,})"),
    ("login", "--(?:password|token|secret|api-key)", r"--(?:password|token|secret|api-key)[ =]([^\s\"'\\]{6,})"),
)  # fmt: skip
#: The same of the detector's expressions: by detector and place in its list.
TAKEN: dict[tuple[type[RegexBasedDetector], int], tuple[str, str]] = {
    (ArtifactoryDetector, 0): ("artifactory-token", "AKC"),
    (ArtifactoryDetector, 1): ("artifactory-token", "(?i:artif|jfrog|buildkit)"),
    # The middle of such a token is a time, which begins with one of these until the year 2038.
    (DiscordBotTokenDetector, 0): ("discord-token", r"\.[A-Ha-hX-Z][A-Za-z0-9_-]{5}\."),
    (MailchimpDetector, 0): ("mailchimp-key", "-us[0-9]"),
    (NpmDetector, 0): ("npm-token", "npm_|_authToken|NPM[ _-]?TOKEN"),
    (SendGridDetector, 0): ("sendgrid-key", r"SG\."),
    (SlackDetector, 0): ("slack-token", "(?i:xox)"),
    (SlackDetector, 1): ("slack-hook", r"hooks\.slack\.com"),
    (StripeDetector, 0): ("stripe-key", "[rs]k_live_"),
    (TwilioKeyDetector, 1): ("twilio-key", "SK[0-9a-f]{6}"),
}
#: Why others are not taken, by module, class and place.
LEFT: dict[str, str] = {
    "aws.AWSKeyDetector.0": "access key ids are names, not secrets: they are what links",
    "aws.AWSKeyDetector.1": "any digest near an ARN of a key; ours asks for the name of the field",
    "azure_storage_key.AzureStorageKeyDetector.0": "any digest of 64 bytes; ours asks for AccountKey=",
    "basic_auth.BasicAuthDetector.0": "ours takes users without a name too",
    "cloudant.CloudantDetector.0": "looks behind, which RE2 cannot; fields are known by name",
    "cloudant.CloudantDetector.1": "looks behind, which RE2 cannot; fields are known by name",
    "cloudant.CloudantDetector.2": "a password in a URL, which ours takes",
    "cloudant.CloudantDetector.3": "a password in a URL, which ours takes",
    "github_token.GitHubTokenDetector.0": "ours takes fine-grained tokens too",
    "ibm_cloud_iam.IbmCloudIamDetector.0": "looks behind, which RE2 cannot; fields are known by name",
    "ibm_cos_hmac.IbmCosHmacDetector.0": "looks behind, which RE2 cannot; ours takes secret_access_key",
    "jwt.JwtTokenDetector.0": "ours asks for three parts",
    "private_key.PrivateKeyDetector.0": "ours takes keys that were wrapped or escaped on their way",
    "private_key.PrivateKeyDetector.1": "ours takes the key too, not its head alone",
    "softlayer.SoftlayerDetector.0": "looks behind, which RE2 cannot; fields are known by name",
    "softlayer.SoftlayerDetector.1": "no longer in use: SoftLayer became IBM Cloud",
    "square_oauth.SquareOAuthDetector.0": "takes backslashes, hence half of an escape; no such token has one",
    "twilio.TwilioKeyDetector.0": "account ids are names, not secrets",
}


class Shape(NamedTuple):
    """One kind of secret."""

    kind: str
    #: RE2: what every text with such a secret contains.
    hint: str
    #: RE2: the first group that matched is the secret, without groups the whole.
    found: re2._Regexp[str]


def _shapes() -> Iterator[Shape]:
    for kind, hint, expression in _OURS:
        yield Shape(kind, hint, re2.compile(expression))
    for (detector, place), (kind, hint) in TAKEN.items():
        known = cast("list[re.Pattern[str]]", detector.denylist)[place]
        flags = "(?i)" if known.flags & re.IGNORECASE else ""
        yield Shape(kind, hint, re2.compile(flags + known.pattern))


SHAPES = list(_shapes())
#: Fields whose text is a secret whatever it looks like, in lower case without separators, and the kind of secret.
NAMES = {
    **dict.fromkeys(("secretaccesskey", "sessiontoken", "xamzsecuritytoken", "amzsecuritytoken"), "aws-secret"),
    **dict.fromkeys(("password", "passwd", "passphrase", "userpassword", "newpassword", "oldpassword"), "login"),
    **dict.fromkeys(("clientsecret", "privatekey", "secretkey", "clientassertion", "secretstring"), "secret"),
    **dict.fromkeys(("apikey", "xapikey", "accesstoken", "refreshtoken", "idtoken", "authtoken"), "token"),
    **dict.fromkeys(("authorization", "proxyauthorization", "cookie", "setcookie"), "header"),
}
HINT = "|".join(dict.fromkeys(shape.hint for shape in SHAPES))
#: What a record with a secret contains. An escape can spell any character, and hide what a hint looks for.
RECORD_HINT = HINT + r"|\\u"
