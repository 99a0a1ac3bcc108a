"""What a training reads: the datasets of a group, turned into the arrays that recipes are fitted on."""
