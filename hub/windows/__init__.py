"""The calling windows: their arithmetic, the regions' default rules as data, and what a campaign makes of them."""
