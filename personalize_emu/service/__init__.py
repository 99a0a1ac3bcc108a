"""What each control plane operation means: functions of (context, typed input) to a dict of members."""
