"""The chat widget that other sites show: its sites, its visitors, and what both are told."""
