"""AgentDojo's tasks and attacks, replayed through the gate.

    python -m benchmarks.agentdojo --suite banking --json

AgentDojo (https://github.com/ethz-spylab/agentdojo) brings environments, typed tools, user tasks and attacks
that were written without a thought of Licet. No model takes part. Every user task's own solution is proposed
call by call; and for every pair of a user task and an injection task the attack's text is put where the user
task reads it, and the agent is taken for hijacked: right after the first tool result that carries the text it
proposes the attacker's calls. Whether the user or the attacker got what they wanted is AgentDojo's own check,
on the environment that is left.
"""
