"""The filter language: grammar, checks against schemas, and masks over records (spec 08). Knows no resource."""
