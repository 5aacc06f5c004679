"""Findings become Alerts, and Alerts reach whoever has to know.

In:     Findings, and Decisions of analysts
Out:    Alerts and their revisions; what a destination takes of one; proposed Responses
Fails:  destinations raise Refused (this alert can never be told here) or Away (later perhaps), nothing else
"""
