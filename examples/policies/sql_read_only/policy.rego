# METADATA
# title: SQL that only reads
# description: |
#   Of every tool that carries the tag sql. A statement passes when each character, word and function in it is one that
#   a plain SELECT needs, so much that would only read is refused too: comments, quoted identifiers, backslashes,
#   functions that are not listed. It is the second lock. The first is a database user who may only read.
package licet.user.sql_read_only

import data.licet.library.arguments

default functions := []

functions := data.sql_read_only.functions

deny contains {
	"rule": "sql_read_only.writes",
	"message": "Only one plain SELECT is allowed: no comments, no quoted identifiers, no functions beyond the common ones.",
	"visible_to_model": true,
} if {
	"sql" in input.tool.tags
	not reads
}

reads if {
	statements := arguments.values("sql")
	count(statements) == 1
	reading(statements[0])
}

# Quotes split the text into code and literals by turns; a doubled quote leaves empty code between two literals.
reading(statement) if {
	not contains(statement, "\\")
	pieces := split(trim_suffix(trim_space(statement), ";"), "'")
	count(pieces) % 2 == 1
	code := lower(concat(" 0 ", [piece | some place, piece in pieces; place % 2 == 0]))
	regex.match(`^[a-z0-9_\s.,()*=<>!+/%|:-]+$`, code)
	not contains(code, "--")
	not contains(code, "/*")
	not regex.match(`\s\.|\.\s`, code)
	words := [found[0] | some found in regex.find_all_string_submatch_n("[a-z_][a-z0-9_]*", code, -1)]
	words[0] in {"select", "with"}
	every word in words { not word in writing }
	calls := [found[1] | some found in regex.find_all_string_submatch_n(`([a-z_][a-z0-9_.]*)\s*\(`, code, -1)]
	every call in calls { callable(call) }
}

writing := {
	"insert", "update", "delete", "merge", "replace", "upsert", "into", "outfile", "dumpfile", "truncate", "create",
	"alter", "drop", "rename", "grant", "revoke", "copy", "load", "call", "exec", "execute", "do", "set", "lock", "for",
	"vacuum", "analyze", "pragma", "attach", "detach", "begin", "commit", "rollback", "declare", "handler", "procedure",
}

before_parenthesis := {
	"all", "and", "any", "as", "between", "by", "distinct", "else", "except", "exists", "from", "group", "having", "in",
	"intersect", "join", "like", "limit", "not", "on", "or", "order", "over", "select", "some", "then", "union", "values",
	"when", "where",
}

callable(word) if word in before_parenthesis

callable(word) if word in functions
