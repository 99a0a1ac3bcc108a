"""A web shop that uses Personalize as an application does: `personalize-emu shop`.

browser ──▶ web ──▶ storefront ──▶ recommendations   GetRecommendations, GetPersonalizedRanking
simulated ──────▶       │    └───▶ shop_log          sessions, lists shown, clicks, purchases
                        └────────▶ event_sinks       PutEvents, or a Kinesis stream
dashboard ──▶ report ──▶ CloudWatch (metric attribution) and shop_log, with bootstrap intervals

The modules from `storefront` down know boto3 clients only, so they can be read as an example of how to use the API.
"""
