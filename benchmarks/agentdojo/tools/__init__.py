"""What an honest author would declare of the tools of AgentDojo's suites. Nothing here knows of a task or an attack."""
