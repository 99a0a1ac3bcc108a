"""From a file of interactions to recommendations in one step: `personalize-emu try` and `personalize_emu.try_out`.

file or data frame ──▶ table ──▶ guessed columns ──▶ interactions, items ──▶ import, train, deploy ──▶ lists
"""
