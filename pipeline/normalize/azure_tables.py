"""Rows of Log Analytics tables, as its data export writes them, become records as Azure Monitor's envelope has them.

Source: Microsoft documentation, Azure Monitor tables SigninLogs, AADNonInteractiveUserSignInLogs,
AADServicePrincipalSignInLogs, AADManagedIdentitySignInLogs, AuditLogs, MicrosoftGraphActivityLogs. Columns are the same
fields with great initials, but for a few; what is an object may be JSON in a text.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pipeline.normalize.documents import string, too_deep

#: Tables, with the category that Azure Monitor gives their records.
TABLES: Final = {
    "SigninLogs": "SignInLogs", "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs", "AuditLogs": "AuditLogs",
    "MicrosoftGraphActivityLogs": "MicrosoftGraphActivityLogs", "AADGraphActivityLogs": "AADGraphActivityLogs",
}  # fmt: skip
_NAMES = {
    "IPAddress": "ipAddress", "AADTenantId": "aadTenantId", "ConditionalAccessPolicies":
    "appliedConditionalAccessPolicies",
}  # fmt: skip
#: Columns about the row, not of the record: `TenantId` is the workspace.
_ROWS = frozenset({"TimeGenerated", "Type", "TenantId", "SourceSystem", "Category", "OperationName"})
#: Columns that are objects, and may be JSON in a text.
_OBJECTS = frozenset({
    "Status", "Agent", "DeviceDetail", "LocationDetails", "ConditionalAccessPolicies", "InitiatedBy", "TargetResources",
})  # fmt: skip


def is_row(found: dict[str, Any]) -> bool:
    """Whether a JSON object is a row of a table that is read."""
    return "TimeGenerated" in found and string(found.get("Type")) in TABLES


def as_record(row: dict[str, Any]) -> dict[str, Any]:
    """The record that a row was made of."""
    stated = {_name(name): _object(name, value) for name, value in row.items() if name not in _ROWS}
    if "LocationDetails" in row:
        # Beside it, `Location` is the name of a country.
        stated["location"] = _object("LocationDetails", row["LocationDetails"])
    tenant = string(row.get("AADTenantId")) or string(row.get("AadTenantId"))
    return {
        "time": row.get("TimeGenerated"),
        "category": TABLES[string(row.get("Type"))],
        "operationName": row.get("OperationName"),
        "resultType": row.get("ResultType"),
        "tenantId": tenant or None,
        "properties": {name: value for name, value in stated.items() if value not in (None, "")},
    }


def _name(column: str) -> str:
    return _NAMES.get(column) or column[:1].lower() + column[1:]


def _object(name: str, value: Any) -> Any:
    if name in _OBJECTS and isinstance(value, str) and value[:1] in ("{", "[") and not too_deep(value.encode()):
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return None
    return value
