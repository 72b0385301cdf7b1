"""What a launch comes to: one file, the command that reads it, and the commands for later."""

import dataclasses
import shlex
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Plan:
    """A launch that has not been made.

    Args:
        path: the file that `command` reads.
        text: what is in it.
        command: the one command that starts everything.
        afterwards: commands to look at the run and to end it, by what they do.
    """

    path: Path
    text: str
    command: list[str]
    afterwards: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def shown(self) -> str:
        """The plan as text for a reader."""
        parts = [f"# {self.path}\n{self.text.rstrip()}", f"# starts it\n{self.commands()}"]
        return "\n\n".join(parts) + "\n"

    def commands(self) -> str:
        """The commands, each quoted for a shell."""
        later = [f"# {what}\n{shlex.join(command)}" for what, command in self.afterwards.items()]
        return "\n".join([shlex.join(self.command), *later])
