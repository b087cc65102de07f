"""Singer target that loads product-analytics history into PostHog."""
