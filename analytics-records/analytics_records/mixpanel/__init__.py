"""What Mixpanel's raw export and its profiles say, apart from any destination. Pure."""
