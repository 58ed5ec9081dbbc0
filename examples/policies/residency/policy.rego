# METADATA
# title: A tenant's data stays in its regions
# description: |
#   Of every tool that carries the tag customer_data. The resource, which the tool's own code reads, says in which region
#   it lies, and the runtime's environment in which region the agent runs; the tenant's own list has to have both.
package licet.user.residency

deny contains {
	"rule": "residency.data",
	"message": "This data lies outside the tenant's regions.",
	"visible_to_model": true,
} if {
	"customer_data" in input.tool.tags
	not among(["resource", "region"])
}

deny contains {
	"rule": "residency.agent",
	"message": "The agent runs outside the tenant's regions.",
	"visible_to_model": false,
} if {
	"customer_data" in input.tool.tags
	not among(["environment", "region"])
}

among(path) if {
	region := object.get(input.context, path, null)
	is_string(region)
	region in input.context.tenant_data.regions
}

approval contains {
	"rule": "residency.crossing",
	"requires": [{"group": "data_protection", "count": 1}],
	"expires_in": 86400,
	"reason": "This moves data from one of the tenant's regions to another.",
} if {
	"customer_data" in input.tool.tags
	not same_region
}

same_region if input.context.resource.region == input.context.environment.region
