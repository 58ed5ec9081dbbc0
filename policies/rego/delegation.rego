# METADATA
# title: An agent with rights of its own
# description: |
#   What such an agent may do is what its principal may and what it may itself. So everything is asked twice: with all
#   roles of the principal, and with those of them that the agent may use. Both have to grant the call, and whatever
#   either of them has against it counts: no role that forbids something is lost by leaving it out.
package licet.delegation

# METADATA
# title: The agent has rights of its own
# description: The roles that it may use are named; without them it may use whichever its principal has.
delegated if object.get(input, ["agent", "roles"], null) != null

# METADATA
# title: The roles that both have
# description: Those of the principal that the agent may use.
shared_roles := [role | some role in input.principal.roles; role in input.agent.roles]
