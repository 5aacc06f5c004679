"""The verbs: native logs become Records, Events, Entries, Findings and Alerts."""
