"""Bad input: each message says what was received, what was expected and what to do."""


class InputError(ValueError):
    """Input that can't be used; commands print its message as one line and end with exit code 2."""


class OptionError(InputError):
    """An option's value that can't be used: what was received, what was expected."""
