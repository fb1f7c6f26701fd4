"""What a person wants: the policy as frozen types, its loader and its vocabulary."""
