"""One trainer, one pure step, and the data they run on."""
