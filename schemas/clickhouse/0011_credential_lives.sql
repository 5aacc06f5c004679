-- When the credential that an event used was to expire, and since when it was revoked at the time of that event (microseconds,
-- 0 = not stated, not revoked; pipeline/correlate/lives.py).
ALTER TABLE entries ADD COLUMN IF NOT EXISTS credential_expires Int64;

ALTER TABLE entries ADD COLUMN IF NOT EXISTS credential_revoked Int64;

-- Normalizers say by the attribute `revokes` what an event revokes, one credential a line; canonical events have said it by
-- `revoked` before. The inventory is told of what is for good: a key that was set inactive may be active again.
ALTER TABLE arrivals MODIFY COLUMN IF EXISTS revoked Array(String) DEFAULT if(outcome IN ('failure', 'denied'), [],
    arrayDistinct(arrayFilter(one -> one != '', arrayConcat(
        arrayMap(key -> concat('aws:', key), arrayFilter(one -> action = 'iam:DeleteAccessKey' AND startsWith(one, 'A')
                 AND match(one, '^A[A-Z0-9]{15,127}$'), resources)),
        [if(action = 'okta:system.api_token.revoke',
            replaceOne(arrayFirst(one -> startsWith(one, 'Token/'), resources), 'Token/', 'okta:'), ''),
         attributes['revoked']],
        if(startsWith(action, 'iam:Update') OR startsWith(action, 'iam:Disable'), [], splitByChar('\n', attributes['revokes']))))));
