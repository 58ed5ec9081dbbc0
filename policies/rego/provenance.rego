# METADATA
# title: Where a call's values come from
# description: |
#   Judges the labels that the runtime gives each argument (docs/provenance.md). It parses no text. Provenance is
#   positive: a value passes when something vouches for it. Once a run has read what others wrote, a call with an effect
#   of which not every value is vouched for owes an approval. A call of which every value is vouched for may pass
#   without one when the workflow's owner lets such calls pass.
package licet.provenance

# METADATA
# title: An irreversible call that is vouched for
# description: The workflow's owner lets such calls pass without a person, and the workflow's risk is not high.
grant contains "licet.provenance.vouched" if {
	input.allowance.listed == true
	input.allowance.within == true
	unattended
}

# METADATA
# title: A call that is not vouched for owes an approval
# description: By one person, within a day; once the run has read what others wrote.
approval contains {
	"rule": "licet.provenance.unvouched_owes_approval",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 86400,
	"escalate_to": null,
	"reason": concat("", ["The run has read what others wrote, and nothing vouches for ", told, "."]),
} if {
	untrusted
	matters
	not lifted
	not vouched
}

# METADATA
# title: The lethal trifecta owes an approval
# description: What others wrote, what is private, and text going out that is neither the user's nor the application's.
approval contains {
	"rule": "licet.provenance.trifecta",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 86400,
	"escalate_to": null,
	"reason": "The run has read what others wrote and what is private, and a model's text would go out.",
} if {
	trifecta
	not lifted
	some leaf in input.call.provenance
	not text_is_own(leaf)
}

# METADATA
# title: The rule of two
# description: |
#   At high risk, a run that has read what others wrote and what is private asks before it changes or tells anything.
approval contains {
	"rule": "licet.provenance.rule_of_two",
	"requires": [{"group": "any", "count": 1}],
	"expires_in": 86400,
	"escalate_to": null,
	"reason": "The run has read what others wrote and what is private, and this call has an effect.",
} if {
	input.workflow.risk == "high"
	rule_of_two
}

# METADATA
# title: May pass without a person
# description: Every value is vouched for, and the workflow's owner lets such calls pass.
unattended if {
	input.allowance.vouched == true
	input.workflow.risk in {"low", "medium"}
	vouched
}

# METADATA
# title: The owner lets it pass
# description: The workflow lets this very call pass unattended, within the bounds that its owner set.
lifted if {
	input.allowance.unattended == true
	input.workflow.risk in {"low", "medium"}
}

# METADATA
# title: The run has read what others wrote
# description: An agent that reads a stranger's text may do as the stranger says.
untrusted if {
	some label in input.run.labels
	label in {"read_external", "read_peer"}
}

# METADATA
# title: The run has read what is private
# description: A field that its tool's author marked as sensitive.
private if "read_sensitive" in input.run.labels

# METADATA
# title: The call has an effect
# description: It writes, cannot be undone, or (a read) asks an address on the network, which tells its owner something.
matters if not input.tool.effect == "read"

# METADATA
# title: The read asks an address
# description: A target of the kind url.
matters if asks_an_address

# METADATA
# title: The call asks an address
# description: A read with a target of the kind url.
asks_an_address if {
	input.tool.effect == "read"
	some leaf in input.call.provenance
	leaf.role == "target"
	leaf.kind == "url"
}

# METADATA
# title: Something goes out
# description: The call has a target that is somebody or somewhere, or text that is not merely kept.
goes_out if {
	some leaf in input.call.provenance
	leaf.role == "target"
	not leaf.kind in own_things
	not "nothing" in leaf.labels
}

# METADATA
# title: Text goes out
# description: Its author did not say that it is only kept, or that it is a caption, which goes where its call goes.
goes_out if {
	some leaf in input.call.provenance
	leaf.role in {"content", "headline"}
	not leaf.kind in {"note", "caption"}
	not "nothing" in leaf.labels
}

# METADATA
# title: Kinds that are things of the principal's own
# description: A target of another kind, or of none, is somebody or somewhere.
own_things := {"event", "file", "note", "record"}

# METADATA
# title: The lethal trifecta
# description: What others wrote, what is private, and a way out, in one run.
trifecta if {
	untrusted
	private
	matters
	goes_out
}

# METADATA
# title: All three of the rule of two
# description: What others wrote, what is private, and an effect, in one run.
rule_of_two if {
	untrusted
	private
	matters
}

# METADATA
# title: Every value is vouched for
# description: And there is at least one that says something.
vouched if {
	count(unvouched) == 0
	count(input.call.provenance) > 0
}

# METADATA
# title: What nothing vouches for
# description: JSON Pointers into the arguments.
unvouched contains place if {
	some place, leaf in input.call.provenance
	not passes(leaf)
}

# METADATA
# title: What is told of it
# description: The first five places.
told := concat(", ", array.slice(sort(unvouched), 0, 5)) if count(unvouched) > 0

# METADATA
# title: There is nothing to tell of
# description: The call has no values, so nothing in it is anybody's.
told := "a call without arguments" if count(unvouched) == 0

# METADATA
# title: Nothing is there
# description: Null and empty text say nothing.
passes(leaf) if "nothing" in leaf.labels

# METADATA
# title: The workflow or the tool's author set it
# description: A fixed value of the workflow, or the parameter's own default.
passes(leaf) if {
	some label in leaf.labels
	label in {"workflow", "default"}
}

# METADATA
# title: The user wrote it
# description: As a whole word or a quotation; numbers, days and addresses as their kind has them.
passes(leaf) if {
	leaf.role in {"target", "amount", "when", "flag"}
	"user" in leaf.labels
	taint_passes(leaf)
}

# METADATA
# title: It stands in a record that the user named
# description: And the name fits no other record that says otherwise.
passes(leaf) if {
	leaf.role in {"target", "amount", "when"}
	clear(leaf, "record")
	taint_passes(leaf)
}

# METADATA
# title: This run made it
# description: An id that the tool gave to what a call of this run made.
passes(leaf) if {
	leaf.role == "target"
	"made" in leaf.labels
	taint_passes(leaf)
}

# METADATA
# title: It exists, and the user says what for
# description: An entry of a directory; the text, or another target, is the user's own.
passes(leaf) if {
	leaf.role == "target"
	"directory" in leaf.labels
	directory_is_anchored
}

# METADATA
# title: The one address on a page that the user named
# description: For somebody whom the user named too, by another kind of target.
passes(leaf) if {
	leaf.role == "target"
	clear(leaf, "cited")
	count(cited) == 1
	some other in input.call.provenance
	other.role == "target"
	other.kind != leaf.kind
	is_string(other.kind)
	"user" in other.labels
}

# METADATA
# title: An address that a peer gave, where the user said to look
# description: To be read, not to be written to.
passes(leaf) if {
	asks_an_address
	leaf.role == "target"
	"cited" in leaf.labels
	"peer" in leaf.labels
	not "external" in leaf.labels
}

# METADATA
# title: No more than the user or their record says
# description: The first time that it goes to this target.
passes(leaf) if {
	leaf.role == "amount"
	"within" in leaf.labels
	not "repeated_target" in input.run.labels
}

# METADATA
# title: The day is the user's, or they left it open
# description: The time within the day, or the year that they did not say, is the model's.
passes(leaf) if {
	leaf.role == "when"
	some label in leaf.labels
	label in {"dated", "unsaid"}
}

# METADATA
# title: A choice that widens nothing
# description: As the tool's author declared it.
passes(leaf) if {
	leaf.role == "flag"
	"narrow" in leaf.labels
}

# METADATA
# title: Text that is the user's own or the application's
# description: Words in a row, a pattern of the user's with the application's data in it, or such data alone.
passes(leaf) if {
	leaf.role in {"content", "headline"}
	own_text(leaf)
}

# METADATA
# title: Text that is only kept
# description: With the principal's own things, when nothing of the call goes out.
passes(leaf) if {
	leaf.role == "content"
	leaf.kind == "note"
	not goes_out
}

# METADATA
# title: A model's text
# description: |
#   Where the workflow lets it out, beside a target or headline that is vouched for in itself, and without a link or
#   anything private that the user did not write.
passes(leaf) if {
	leaf.role == "content"
	input.workflow.content == "standard"
	anchored
	not "link" in leaf.labels
	not "private" in leaf.labels
}

# METADATA
# title: The user's own words
# description: A whole word, a quotation, words in a row; or what the workflow itself says.
own_text(leaf) if {
	some label in leaf.labels
	label in {"user", "words", "workflow"}
}

# METADATA
# title: The application's data, or a pattern of the user's with such data in it
# description: Unless it is private.
own_text(leaf) if {
	some label in leaf.labels
	label in {"template", "system"}
	not "private" in leaf.labels
}

# METADATA
# title: Text out of a record that the user named
# description: A field that the application or the principal wrote, unless it is private.
own_text(leaf) if {
	clear(leaf, "record")
	not "private" in leaf.labels
}

# METADATA
# title: Clear
# description: The label stands, and what it stands on fits one thing only.
clear(leaf, label) if {
	label in leaf.labels
	not "ambiguous" in leaf.labels
}

# METADATA
# title: Nothing unvouched was written into it
# description: No call of this run that made it, or wrote to it, was given text that nobody vouched for.
taint_passes(leaf) if not "tainted" in leaf.labels

# METADATA
# title: Not a thing that carries text
# description: Somebody, or somewhere; what they were told before does not go out again with this call.
taint_passes(leaf) if not leaf.kind in own_things

# METADATA
# title: Nothing goes out with it
# description: The call stays with the principal's own things.
taint_passes(_) if not goes_out

# METADATA
# title: A model's text is in it, where that may go out
# description: The standard profile.
taint_passes(_) if input.workflow.content == "standard"

# METADATA
# title: Something in the call is the user's own choice
# description: A target that they named or that this run made, or a headline in their words.
anchored if {
	some leaf in input.call.provenance
	leaf.role == "target"
	named(leaf)
}

# METADATA
# title: The headline is the user's
# description: It says what the text is about.
anchored if {
	some leaf in input.call.provenance
	leaf.role == "headline"
	own_text(leaf)
}

# METADATA
# title: Named
# description: By the user, in a record they named, or made by this run.
named(leaf) if "user" in leaf.labels

# METADATA
# title: Named by a record
# description: And by no other that says otherwise.
named(leaf) if clear(leaf, "record")

# METADATA
# title: Named by being made
# description: By this run.
named(leaf) if "made" in leaf.labels

# METADATA
# title: The user named another target
# description: So that the entry of the directory is what it is for.
directory_is_anchored if {
	some leaf in input.call.provenance
	leaf.role == "target"
	named(leaf)
}

# METADATA
# title: The text is the user's own
# description: Every text in the call, and there is one.
directory_is_anchored if {
	some leaf in input.call.provenance
	leaf.role == "content"
	own_text(leaf)
	every other in input.call.provenance { text_is_own(other) }
}

# METADATA
# title: No text
# description: Another role.
text_is_own(leaf) if not leaf.role in {"content", "headline"}

# METADATA
# title: No text is there
# description: Null or empty.
text_is_own(leaf) if "nothing" in leaf.labels

# METADATA
# title: The text is own
# description: As strict takes it.
text_is_own(leaf) if own_text(leaf)

# METADATA
# title: Targets that are cited
# description: By place.
cited contains place if {
	some place, leaf in input.call.provenance
	leaf.role == "target"
	"cited" in leaf.labels
	not "user" in leaf.labels
}
