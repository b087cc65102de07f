"""Singer target that loads product-analytics history into Mixpanel."""
