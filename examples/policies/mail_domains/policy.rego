# METADATA
# title: Mail only to known domains
# description: |
#   Whatever a tool's author declared as a mail address that the call is for has to be one plain address of a domain
#   that is listed, and there are not too many of them. A tool that carries the tag mail and has no such address is denied.
package licet.user.mail_domains

import data.licet.library.arguments

receivers := {"role": "target", "kind": "email"}

default domains := []

domains := data.mail_domains.domains

default most := 0

most := data.mail_domains.most

sends if "mail" in input.tool.tags

sends if arguments.given(receivers)

deny contains {
	"rule": "mail_domains.unknown",
	"message": "Mail goes to known domains only, each receiver as one plain address.",
	"visible_to_model": true,
} if {
	input.tool.effect != "read"
	sends
	not arguments.email_domain_in(receivers, domains)
}

approval contains {
	"rule": "mail_domains.many",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 14400,
	"reason": "This goes to many people at once.",
} if {
	input.tool.effect != "read"
	sends
	not arguments.count_at_most(receivers, most)
}
