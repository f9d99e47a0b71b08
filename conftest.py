"""Nothing: the plugin comes with the installed package."""
